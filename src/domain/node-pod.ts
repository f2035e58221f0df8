import type { IpAddress } from "./ip-address.ts";
import type { IssueResult } from "./issue.ts";
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
}

export type NodeDecision =
  | { readonly kind: "no-role" }
  | {
      readonly kind: "allowed";
      readonly identity: IdentityKey;
      readonly role: RoleArn;
      readonly nameBelowBase?: string;
    }
  | { readonly kind: "denied"; readonly explanation: string; readonly role?: RoleArn };

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
    }
  | {
      readonly kind: "changes";
      readonly pods: readonly NodePod[];
      readonly removed: readonly PodUid[];
      readonly identities: readonly IdentityState[];
    }
  | { readonly kind: "heartbeat" };

/** Answer to one question about one address. */
export interface PodAnswer {
  readonly pod: NodePod;
  readonly identity?: IdentityState;
}
