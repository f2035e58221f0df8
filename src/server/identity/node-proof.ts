import type { PodUid } from "../../domain/pod.ts";

/** Why an agent is not served, in a sentence that the agent's operator reads. */
export interface Refusal {
  readonly kind: "refused";
  readonly code: "unauthenticated" | "permission-denied" | "unavailable";
  readonly reason: string;
  /** What makes it another refusal than the caller's last, where the reason quotes the caller. */
  readonly subject?: string;
}

/** For which node an agent may speak, and what says so. */
export type NodeProof =
  | {
      readonly kind: "proven";
      readonly nodeName: string;
      readonly by: "certificate" | "token";
      /** Milliseconds since the Unix epoch; absent for what holds as long as the connection. */
      readonly validUntilMs?: number;
      /** Of tokens: the pod that must stay live. */
      readonly podUid?: PodUid;
    }
  /** Served all the same: for the node that it names, else the one found by its host's address, else as by the Go release. */
  | { readonly kind: "unproven"; readonly nodeName?: string }
  | Refusal;
