import type { IdentityKey, RoleIdentity } from "../../domain/role-identity.ts";
import type { Clock } from "../../runtime/clock.ts";
import { type Cache, type Entry, keepUnusedMs, partiesOf } from "./cache.ts";
import type { Flights } from "./flights.ts";

/** Sees to it that what live pods want is on its way before they ask. What is pending is what is wanted: nothing is dropped. */
export interface Prefetcher {
  want(identity: RoleIdentity, namespace: string): Disposable;
  /** Lets the next request ask again, and asks at once where a pod wants it. */
  forgetRefusal(key: IdentityKey): void;
}

export interface PrefetcherDeps {
  readonly cache: Cache;
  readonly flights: Flights;
  readonly clock: Clock;
}

export function createPrefetcher({ cache, flights, clock }: PrefetcherDeps): Prefetcher {
  function add(entry: Entry, namespace: string): void {
    entry.wantedBy.set(namespace, (entry.wantedBy.get(namespace) ?? 0) + 1);
    cache.touch(entry);
    if (entry.setback !== undefined) {
      // A new pod is a reason to try again as soon as the memory of a refusal has passed.
      entry.dueAtMs = Math.min(entry.dueAtMs, entry.setback.rememberedUntilMs);
    }
    if (entry.dueAtMs <= clock.now()) {
      void flights.board("background", entry.key, entry.identity, [namespace]);
    }
  }

  function remove(entry: Entry, namespace: string): void {
    const left = (entry.wantedBy.get(namespace) ?? 0) - 1;
    if (left > 0) {
      entry.wantedBy.set(namespace, left);
      return;
    }
    entry.wantedBy.delete(namespace);
    if (entry.wantedBy.size === 0) {
      entry.isAsked = false;
      entry.keepUntilMs = clock.now() + keepUnusedMs;
      cache.touch(entry);
      flights.withdraw(entry.key);
    }
  }

  return {
    want(identity, namespace) {
      const entry = cache.entryOf(identity);
      add(entry, namespace);
      let isWanted = true;
      return {
        [Symbol.dispose]: () => {
          if (isWanted) {
            isWanted = false;
            remove(entry, namespace);
          }
        },
      };
    },
    forgetRefusal(key) {
      const entry = cache.find(key);
      if (entry?.setback?.failure.kind !== "refused") {
        return;
      }
      entry.setback = undefined;
      entry.dueAtMs = clock.now();
      if (entry.wantedBy.size > 0) {
        void flights.board("background", key, entry.identity, partiesOf(entry));
      }
    },
  };
}
