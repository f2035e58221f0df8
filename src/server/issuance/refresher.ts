import type { IdentityKey } from "../../domain/role-identity.ts";
import type { Clock } from "../../runtime/clock.ts";
import { type Cache, type Entry, mayBeUsed, partiesOf, unexpired } from "./cache.ts";
import type { Flights } from "./flights.ts";

/** Looks once in a while at what is due: renews what is in use, tries again what failed, drops what is not used. */
export interface Refresher {
  /** Until aborted; then resolves. */
  run(signal: AbortSignal): Promise<void>;
}

export interface RefresherDeps {
  readonly cache: Cache;
  readonly flights: Flights;
  readonly clock: Clock;
  readonly tell: (key: IdentityKey) => void;
}

/**
 * A second is little beside the minutes by which renewals are ahead, a look at ten thousand identities takes well under a
 * millisecond, and reading the clock at each look survives its jumps.
 */
const lookEveryMs = 1_000;

export function createRefresher({ cache, flights, clock, tell }: RefresherDeps): Refresher {
  function look(): void {
    const nowMs = clock.now();
    for (const entry of cache.all()) {
      lookAt(entry, nowMs);
    }
    flights.pump();
  }

  function lookAt(entry: Entry, nowMs: number): void {
    if (entry.held !== undefined && unexpired(entry, nowMs) === undefined) {
      cache.setHeld(entry, undefined);
      tell(entry.key);
    }
    if (flights.isUp(entry.key)) {
      return;
    }
    if (!isKept(entry, nowMs)) {
      cache.drop(entry);
    } else if (isRenewed(entry) && entry.dueAtMs <= nowMs) {
      renew(entry);
    }
  }

  /** What was asked for is not renewed for pods that have gone since, or may not have it any more. */
  function renew(entry: Entry): void {
    if (entry.wantedBy.size === 0 && !mayBeUsed(entry)) {
      entry.isAsked = false;
      entry.answered.clear();
    } else {
      void flights.board("background", entry.key, entry.identity, partiesOf(entry));
    }
  }

  return {
    async run(signal) {
      using _open = flights.openBackground();
      while (!signal.aborted) {
        look();
        await clock.sleep(lookEveryMs, signal).catch(ignoreAbort(signal));
      }
    },
  };
}

function isRenewed(entry: Entry): boolean {
  return entry.wantedBy.size > 0 || (entry.held !== undefined && entry.isAsked);
}

function isKept(entry: Entry, nowMs: number): boolean {
  return isRenewed(entry) || nowMs < entry.keepUntilMs;
}

function ignoreAbort(signal: AbortSignal): (error: unknown) => void {
  return (error) => {
    if (!signal.aborted) {
      throw error;
    }
  };
}
