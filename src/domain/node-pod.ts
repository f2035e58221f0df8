import type { IpAddress } from "./ip-address.ts";
import type { IssueResult } from "./issue.ts";
import type { ObjectVersion } from "./object-version.ts";
import type { PodUid } from "./pod.ts";
import type { RoleArn } from "./role-arn.ts";
import type { IdentityKey } from "./role-identity.ts";

/** A pod as its node's agent knows it: who it is, and what it may have. */
export interface NodePod {
  readonly uid: PodUid;
  readonly name: string;
  readonly namespace: string;
  readonly addresses: readonly IpAddress[];
  /** As annotated; empty where the pod asks for no role. */
  readonly annotatedRole: string;
  readonly startedAtMs: number;
  readonly decision: NodeDecision;
  readonly versions: NodePodVersions;
}

/** What was looked at to say all that. */
export interface NodePodVersions {
  readonly pod: ObjectVersion;
  /** Of the namespace; of one that is not known, the newest of any. */
  readonly namespace: ObjectVersion;
}

/** A pod that is not live any more, or not on the node. */
export interface RemovedPod {
  readonly uid: PodUid;
  /** At which it was found so. */
  readonly version: ObjectVersion;
}

export type NodeDecision =
  | { readonly kind: "no-role" }
  | {
      readonly kind: "allowed";
      readonly identity: IdentityKey;
      readonly role: RoleArn;
      readonly nameBelowBase?: string;
    }
  | {
      readonly kind: "denied";
      readonly explanation: string;
      readonly role?: RoleArn;
      /** Which would be the pod's, where it is its namespace that does not permit it. */
      readonly wanted?: IdentityKey;
    };

/** The newest that a server knows of one identity's credentials. */
export interface IdentityState {
  readonly identity: IdentityKey;
  readonly result: IssueResult;
}

/** What a server sends an agent; each is complete for the pods and identities that it names. */
export type NodeUpdate =
  | {
      readonly kind: "snapshot";
      readonly nodeName: string;
      readonly pods: readonly NodePod[];
      readonly identities: readonly IdentityState[];
      readonly heartbeatIntervalMs: number;
      /** The newest of any pod that the server has heard of. */
      readonly podsVersion: ObjectVersion;
    }
  | {
      readonly kind: "changes";
      readonly pods: readonly NodePod[];
      readonly removed: readonly RemovedPod[];
      readonly identities: readonly IdentityState[];
      readonly podsVersion: ObjectVersion;
    }
  | { readonly kind: "heartbeat"; readonly podsVersion: ObjectVersion };

/** Answer to one question about one address. */
export interface PodAnswer {
  readonly pod: NodePod;
  readonly identity?: IdentityState;
}
