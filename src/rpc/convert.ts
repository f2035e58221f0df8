import { create } from "@bufbuild/protobuf";
import { type IpAddress, parseIpAddress } from "../domain/ip-address.ts";
import type { IssueFailure } from "../domain/issue.ts";
import type { IdentityState, NodeDecision, NodePod, NodeUpdate, PodAnswer } from "../domain/node-pod.ts";
import type { PodUid } from "../domain/pod.ts";
import { parseRoleArn, type RoleArn } from "../domain/role-arn.ts";
import type { IdentityKey } from "../domain/role-identity.ts";
import { decodeCredentials, type EncodeCredentials, encodeCredentials } from "./credentials-bytes.ts";
import {
  AllowedSchema,
  DeniedSchema,
  type IdentityCredentials,
  IdentityCredentialsSchema,
  type LookupPodResponse,
  LookupPodResponseSchema,
  NoRoleSchema,
  type Pod,
  PodSchema,
  type WatchNodeResponse,
  WatchNodeResponseSchema,
} from "./gen/kiam/v1/node_pb.ts";

/** A message that says what the protocol does not allow. */
export class MalformedMessage extends Error {
  override readonly name = "MalformedMessage";
}

export function toWatchNodeResponse(
  update: NodeUpdate,
  encode: EncodeCredentials = encodeCredentials,
): WatchNodeResponse {
  switch (update.kind) {
    case "snapshot":
      return create(WatchNodeResponseSchema, {
        update: {
          case: "snapshot",
          value: {
            nodeName: update.nodeName,
            pods: update.pods.map(toPod),
            credentials: update.identities.map((state) => toIdentityCredentials(state, encode)),
            heartbeatIntervalMs: update.heartbeatIntervalMs,
            podsVersion: update.podsVersion,
          },
        },
      });
    case "changes":
      return create(WatchNodeResponseSchema, {
        update: {
          case: "changes",
          value: {
            pods: update.pods.map(toPod),
            removedPods: [...update.removed],
            credentials: update.identities.map((state) => toIdentityCredentials(state, encode)),
            podsVersion: update.podsVersion,
          },
        },
      });
    case "heartbeat":
      return create(WatchNodeResponseSchema, {
        update: { case: "heartbeat", value: { podsVersion: update.podsVersion } },
      });
    default:
      return update satisfies never;
  }
}

/** @throws MalformedMessage */
export function fromWatchNodeResponse(message: WatchNodeResponse): NodeUpdate {
  const { update } = message;
  switch (update.case) {
    case "snapshot":
      return {
        kind: "snapshot",
        nodeName: update.value.nodeName,
        pods: update.value.pods.map(fromPod),
        identities: update.value.credentials.map(fromIdentityCredentials),
        heartbeatIntervalMs: Math.min(Math.max(update.value.heartbeatIntervalMs, 1_000), 60_000),
        podsVersion: update.value.podsVersion,
      };
    case "changes":
      return {
        kind: "changes",
        pods: update.value.pods.map(fromPod),
        removed: update.value.removedPods.map(({ uid, version }) => ({ uid: uid as PodUid, version })),
        identities: update.value.credentials.map(fromIdentityCredentials),
        podsVersion: update.value.podsVersion,
      };
    case "heartbeat":
      return { kind: "heartbeat", podsVersion: update.value.podsVersion };
    case undefined:
      throw new MalformedMessage("a server sent an update of a kind that this agent does not know");
    default:
      return update satisfies never;
  }
}

export function toLookupPodResponse(
  answer: PodAnswer,
  encode: EncodeCredentials = encodeCredentials,
): LookupPodResponse {
  return create(LookupPodResponseSchema, {
    pod: toPod(answer.pod),
    ...(answer.identity === undefined ? {} : { credentials: toIdentityCredentials(answer.identity, encode) }),
  });
}

/** @throws MalformedMessage */
export function fromLookupPodResponse(message: LookupPodResponse): PodAnswer {
  if (message.pod === undefined) {
    throw new MalformedMessage("a server answered a lookup without a pod");
  }
  const pod = fromPod(message.pod);
  return message.credentials === undefined ? { pod } : { pod, identity: fromIdentityCredentials(message.credentials) };
}

function toPod(pod: NodePod): Pod {
  return create(PodSchema, {
    uid: pod.uid,
    name: pod.name,
    namespace: pod.namespace,
    addresses: [...pod.addresses],
    annotatedRole: pod.annotatedRole,
    startedAtMs: BigInt(pod.startedAtMs),
    decision: toDecision(pod.decision),
    version: pod.versions.pod,
    namespaceVersion: pod.versions.namespace,
  });
}

function toDecision(decision: NodeDecision): Pod["decision"] {
  switch (decision.kind) {
    case "no-role":
      return { case: "noRole", value: create(NoRoleSchema) };
    case "allowed":
      return {
        case: "allowed",
        value: create(AllowedSchema, {
          identity: decision.identity,
          roleArn: decision.role,
          ...(decision.nameBelowBase === undefined ? {} : { nameBelowBase: decision.nameBelowBase }),
        }),
      };
    case "denied":
      return {
        case: "denied",
        value: create(DeniedSchema, {
          explanation: decision.explanation,
          roleArn: decision.role ?? "",
          wantedIdentity: decision.wanted ?? "",
        }),
      };
    default:
      return decision satisfies never;
  }
}

function fromPod(pod: Pod): NodePod {
  return {
    uid: pod.uid as PodUid,
    name: pod.name,
    namespace: pod.namespace,
    addresses: pod.addresses.map(parseIpAddress).filter((address): address is IpAddress => address !== undefined),
    annotatedRole: pod.annotatedRole,
    startedAtMs: Number(pod.startedAtMs),
    decision: fromDecision(pod),
    versions: { pod: pod.version, namespace: pod.namespaceVersion },
  };
}

function fromDecision({ uid, decision }: Pod): NodeDecision {
  switch (decision.case) {
    case "noRole":
      return { kind: "no-role" };
    case "allowed": {
      const { identity, roleArn, nameBelowBase } = decision.value;
      return {
        kind: "allowed",
        identity: identity as IdentityKey,
        role: requireRole(roleArn, uid),
        ...(nameBelowBase === undefined ? {} : { nameBelowBase }),
      };
    }
    case "denied": {
      const { explanation, roleArn, wantedIdentity } = decision.value;
      return {
        ...{ kind: "denied", explanation },
        ...(roleArn === "" ? {} : { role: requireRole(roleArn, uid) }),
        ...(wantedIdentity === "" ? {} : { wanted: wantedIdentity as IdentityKey }),
      };
    }
    case undefined:
      throw new MalformedMessage(`pod ${uid} came without a decision that this agent knows`);
    default:
      return decision satisfies never;
  }
}

function requireRole(text: string, uid: string): RoleArn {
  const role = parseRoleArn(text);
  if (role === undefined) {
    throw new MalformedMessage(`pod ${uid} came with '${text}', which is not a role ARN`);
  }
  return role;
}

function toIdentityCredentials({ identity, result }: IdentityState, encode: EncodeCredentials): IdentityCredentials {
  return create(IdentityCredentialsSchema, {
    identity,
    outcome:
      result.kind === "issued"
        ? { case: "roleCredentials", value: encode(result.credentials) }
        : { case: "failure", value: { code: result.failure.code, message: result.failure.message } },
  });
}

function fromIdentityCredentials({ identity, outcome }: IdentityCredentials): IdentityState {
  switch (outcome.case) {
    case "roleCredentials":
      return {
        identity: identity as IdentityKey,
        result: { kind: "issued", credentials: decodeCredentials(outcome.value) },
      };
    case "failure": {
      // The server has classified it already; to an agent every failure is one that another try may mend.
      const failure: IssueFailure = { kind: "unavailable", code: outcome.value.code, message: outcome.value.message };
      return { identity: identity as IdentityKey, result: { kind: "failed", failure } };
    }
    case undefined:
      throw new MalformedMessage("credentials came without an outcome that this agent knows");
    default:
      return outcome satisfies never;
  }
}
