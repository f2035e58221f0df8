import type { IpAddress } from "../../domain/ip-address.ts";
import type { NodePod } from "../../domain/node-pod.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { AskServer } from "./ask.ts";
import type { GoServers } from "./go-servers.ts";
import type { CredentialStore } from "./store.ts";
import { waitOnStore } from "./wait-on-store.ts";

/** Who has an address. */
export type PodFound =
  | { readonly kind: "found"; readonly pod: NodePod }
  /** Neither the store nor a server knows of a pod there. */
  | { readonly kind: "unknown" }
  /** Two pods claim it, and nothing says whose it is. */
  | { readonly kind: "doubt" }
  /** Nobody could be asked. */
  | { readonly kind: "unavailable"; readonly reason: string }
  /** Only a Go server can tell, at each request. */
  | { readonly kind: "ask-by-address" };

export interface PodLookup {
  held(address: IpAddress): NodePod | undefined;
  find(address: IpAddress, signal: AbortSignal): Promise<PodFound>;
}

export interface PodLookupOptions {
  readonly store: Pick<CredentialStore, "owner" | "synced" | "changes">;
  readonly goServers: Pick<GoServers, "inUse" | "changes">;
  readonly ask: AskServer;
  readonly clock: Clock;
}

/** How long an address that nobody is known to have is waited for: SDKs give up after one second. */
export const unknownPodPatienceMs = 800;

export function createPodLookup({ store, goServers, ask, clock }: PodLookupOptions): PodLookup {
  function known(address: IpAddress): PodFound | undefined {
    const owner = store.owner(address);
    switch (owner.kind) {
      case "owner":
        return { kind: "found", pod: owner.pod };
      case "doubt":
        return owner;
      case "nobody":
        return undefined;
      default:
        return owner satisfies never;
    }
  }

  async function find(address: IpAddress, signal: AbortSignal): Promise<PodFound> {
    let failure: PodFound = { kind: "unavailable", reason: "this agent has not heard from a kiam server yet" };
    let isAsked = false;

    function look(over: AbortSignal): PodFound | undefined {
      const found: PodFound | undefined = goServers.inUse ? { kind: "ask-by-address" } : known(address);
      // Before the first snapshot nobody could tell when that pod has gone, so an answer could not be kept.
      if (found === undefined && store.synced && !isAsked) {
        isAsked = true;
        failure = { kind: "unknown" };
        askAside(over);
      }
      return found;
    }

    function askAside(over: AbortSignal): void {
      ask(address, { withCredentials: false }, over).then(
        (outcome) => {
          const isLost = outcome.kind === "unavailable" || outcome.kind === "unreachable";
          failure = isLost ? { kind: "unavailable", reason: outcome.reason } : failure;
        },
        () => undefined, // It was aborted, because the wait is over.
      );
    }

    const waiting = { changes: [store.changes, goServers.changes], clock, patienceMs: unknownPodPatienceMs };
    return (await waitOnStore(look, waiting, signal)) ?? failure;
  }

  return {
    held(address) {
      const owner = store.owner(address);
      return owner.kind === "owner" ? owner.pod : undefined;
    },
    find,
  };
}
