import type { Credentials } from "../../src/domain/credentials.ts";
import type { IssueFailure } from "../../src/domain/issue.ts";
import type { IdentityState, NodeDecision, NodePod, NodePodVersions, NodeUpdate } from "../../src/domain/node-pod.ts";
import type { PodUid } from "../../src/domain/pod.ts";
import type { IdentityKey } from "../../src/domain/role-identity.ts";
import { anAddress } from "./pods.ts";
import { aRole } from "./roles.ts";

interface NodePodText {
  readonly uid?: string;
  readonly addresses?: readonly string[];
}

/** A pod at 10.0.0.1 that may have the role `reader`; give what matters to the test. */
export function aNodePod(overrides: Partial<Omit<NodePod, "uid" | "addresses">> & NodePodText = {}): NodePod {
  const { uid = "uid-1", addresses = ["10.0.0.1"], ...rest } = overrides;
  return {
    uid: uid as PodUid,
    name: "reader-1",
    namespace: "default",
    addresses: addresses.map(anAddress),
    annotatedRole: "reader",
    startedAtMs: Date.UTC(2026, 0, 1),
    decision: allowed(),
    versions: versions(0, 0),
    ...rest,
  };
}

/** Of a pod and of its namespace; 0 for what can't be compared. */
export function versions(pod: number, namespace = 0): NodePodVersions {
  return { pod: BigInt(pod), namespace: BigInt(namespace) };
}

export function allowed(identity = "identity-reader", name = "reader"): NodeDecision {
  return {
    kind: "allowed",
    identity: anIdentity(identity),
    role: aRole(`arn:aws:iam::123456789012:role/${name}`),
    nameBelowBase: name,
  };
}

export function anIdentity(text: string): IdentityKey {
  return text as IdentityKey;
}

/** Issued at the start of 2026 for an hour; the token and secret can be told from everything else. */
export function someCredentials(overrides: Partial<Credentials> = {}): Credentials {
  return {
    accessKeyId: "ASIAREADER",
    secretAccessKey: "secret-of-reader",
    sessionToken: "session-token-of-reader",
    issuedAtMs: Date.UTC(2026, 0, 1),
    expiresAtMs: Date.UTC(2026, 0, 1, 1),
    ...overrides,
  };
}

export function issued(credentials = someCredentials(), identity = "identity-reader"): IdentityState {
  return { identity: anIdentity(identity), result: { kind: "issued", credentials } };
}

export const accessDenied: IssueFailure = {
  kind: "refused",
  code: "AccessDenied",
  message: "not authorized to perform sts:AssumeRole",
};

export function failed(failure = accessDenied, identity = "identity-reader"): IdentityState {
  return { identity: anIdentity(identity), result: { kind: "failed", failure } };
}

export function aSnapshot(
  pods: readonly NodePod[],
  identities: readonly IdentityState[] = [],
  podsVersion = 0,
): Extract<NodeUpdate, { kind: "snapshot" }> {
  return {
    kind: "snapshot",
    nodeName: "node-a",
    pods,
    identities,
    heartbeatIntervalMs: 10_000,
    podsVersion: BigInt(podsVersion),
  };
}

interface ChangeParts {
  readonly pods?: readonly NodePod[];
  readonly removed?: readonly string[];
  readonly identities?: readonly IdentityState[];
  readonly podsVersion?: number;
}

/** Pods are removed at the version of the whole. */
export function someChanges({ pods = [], removed = [], identities = [], podsVersion = 0 }: ChangeParts): NodeUpdate {
  const version = BigInt(podsVersion);
  const removedPods = removed.map((uid) => ({ uid: uid as PodUid, version }));
  return { kind: "changes", pods, removed: removedPods, identities, podsVersion: version };
}

export function aHeartbeat(podsVersion = 0): NodeUpdate {
  return { kind: "heartbeat", podsVersion: BigInt(podsVersion) };
}
