import type { Pod } from "./pod.ts";

/** What people find with `kubectl describe pod`, by the Go release's names. */
export type PodEventReason = "KiamRoleForbidden" | "KiamCredentialError";

/** One event object of the API server, as it is to be. */
export interface PodEvent {
  readonly pod: Pick<Pod, "uid" | "name" | "namespace" | "resourceVersion">;
  readonly reason: PodEventReason;
  /** Names the event among the pod's others; the same on every replica. Hexadecimal. */
  readonly id: string;
  readonly message: string;
  /** How often it has happened. */
  readonly count: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
}

export type PodEventOutcome =
  /** The object is there, with that count: another one where it was there before. */
  | { readonly kind: "posted"; readonly count: number }
  /** The namespace is gone or going: nobody will look for it. */
  | { readonly kind: "unwanted" }
  /** This server may not write events, or not such ones. */
  | { readonly kind: "refused"; readonly reason: string }
  /** Worth trying again after the pause. */
  | { readonly kind: "unavailable"; readonly reason: string; readonly pauseMs: number };

/**
 * Makes the event; where it is there already, says that it happened again. Rejects only with the signal's reason.
 * @param known `counted`: it was posted before, and is to have that count
 */
export type PostPodEvent = (event: PodEvent, known: "new" | "counted", signal: AbortSignal) => Promise<PodEventOutcome>;
