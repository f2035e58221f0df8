import type { IpAddress } from "../../domain/ip-address.ts";
import type { PodAnswer } from "../../domain/node-pod.ts";

/** What asking the servers about one address comes to. */
export type AskOutcome =
  | { readonly kind: "answer"; readonly answer: PodAnswer }
  /** A server that is in sync says that no live pod of this node has the address. */
  | { readonly kind: "not-found" }
  | { readonly kind: "unavailable"; readonly reason: string }
  /** No server could be asked, and no stream is open that could bring the answer. */
  | { readonly kind: "unreachable"; readonly reason: string };

export interface AskOptions {
  /** Whether the server waits for the credentials of an allowed pod, or answers with what is known of the pod at once. */
  readonly withCredentials: boolean;
}

/** Asks the servers about one address, one unary call. Rejects only with the signal's reason. */
export type AskServer = (address: IpAddress, options: AskOptions, signal: AbortSignal) => Promise<AskOutcome>;
