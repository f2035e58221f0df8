import type { IpAddress } from "../../domain/ip-address.ts";
import type { NodePod } from "../../domain/node-pod.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { AgentMetrics } from "../metrics.ts";
import { type AddressLookup, createAddressLookup } from "./address-lookup.ts";
import type { AskServer } from "./ask.ts";
import { askIntoStore } from "./ask-into-store.ts";
import {
  type CredentialRequest,
  type CredentialsDecided,
  type CredentialsFound,
  createCredentialLookup,
} from "./find-credentials.ts";
import { createPodLookup, type PodFound } from "./find-pod.ts";
import type { GoServers } from "./go-servers.ts";
import type { CredentialStore } from "./store.ts";

/** How requests learn who calls and what they may have: from the store at once, else by waiting for it and asking a server. */
export interface Lookup {
  /** Whose the address is, as far as the store can tell without waiting. */
  heldPod(address: IpAddress): NodePod | undefined;
  /** Waits up to 800 ms for an address that nobody is known to have. Rejects only with the signal's reason. */
  findPod(address: IpAddress, signal: AbortSignal): Promise<PodFound>;
  /**
   * What the pod gets, where that needs no waiting.
   * @param role the role asked for, decoded once
   */
  heldCredentials(pod: NodePod, role: string): CredentialsDecided | undefined;
  /** Waits up to 5 s for an allowed pod's credentials. Rejects only with the signal's reason. */
  findCredentials(request: CredentialRequest, signal: AbortSignal): Promise<CredentialsFound>;
  /** For those whom only a Go server can answer. */
  readonly byAddress: AddressLookup;
}

export interface LookupOptions {
  readonly store: CredentialStore;
  readonly ask: AskServer;
  readonly goServers: GoServers;
  readonly clock: Clock;
  readonly metrics: Pick<AgentMetrics, "lookups">;
}

export function createLookup({ store, ask, goServers, clock, metrics }: LookupOptions): Lookup {
  const askOnce = askIntoStore({ store, ask, metrics });
  const pods = createPodLookup({ store, goServers, ask: askOnce, clock });
  const credentials = createCredentialLookup({ store, goServers, ask: askOnce, clock });
  return {
    heldPod: pods.held,
    findPod: pods.find,
    heldCredentials: credentials.held,
    findCredentials: credentials.find,
    byAddress: createAddressLookup({ goServers, store, clock }),
  };
}
