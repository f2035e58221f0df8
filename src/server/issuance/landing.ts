import { type Credentials, laterOf } from "../../domain/credentials.ts";
import type { IssueFailure, IssueResult } from "../../domain/issue.ts";
import type { IdentityKey } from "../../domain/role-identity.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { ServerMetrics } from "../metrics.ts";
import { type Cache, type Entry, newestOf, unexpired } from "./cache.ts";
import { setbackAfter } from "./refusals.ts";
import { renewAtMs } from "./schedule.ts";

/** Puts an answer of STS where it belongs. One that comes for an identity dropped meanwhile is let go. */
export type Land = (key: IdentityKey, result: IssueResult) => void;

export interface LandingDeps {
  readonly cache: Cache;
  readonly clock: Clock;
  readonly random: () => number;
  readonly refreshAheadMs: number;
  readonly metrics: Pick<ServerMetrics, "renewals">;
  readonly tell: (key: IdentityKey) => void;
}

/** However short-lived what STS issues is, an identity costs no more than one call in this time. */
const leastRenewalGapMs = 5_000;

export function createLanding({ cache, clock, random, refreshAheadMs, metrics, tell }: LandingDeps): Land {
  return (key, result) => {
    const entry = cache.find(key);
    if (entry === undefined) {
      return;
    }
    entry.isRenewalLate = false;
    if (result.kind === "issued") {
      accept(entry, result.credentials);
    } else {
      noteFailure(entry, result.failure);
    }
  };

  function accept(entry: Entry, come: Credentials): void {
    const nowMs = clock.now();
    const before = unexpired(entry, nowMs);
    const later = laterOf(before, come);
    cache.setHeld(entry, later);
    entry.setback = undefined;
    // What comes may expire before what is held, and is to be had again no sooner than it would be renewed.
    const chance = random();
    const dueAtMs = [later, come].map((one) => renewAtMs(one, refreshAheadMs, chance));
    entry.dueAtMs = Math.max(nowMs + leastRenewalGapMs, ...dueAtMs);
    if (before !== undefined) {
      forgetAsking(entry);
    }
    if (later !== before) {
      metrics.renewals.inc(before === undefined ? 0 : 1);
      tell(entry.key);
    }
  }

  /** What nobody wants is renewed once; again only if it was asked for in between. */
  function forgetAsking(entry: Entry): void {
    entry.isAsked = false;
    entry.keepUntilMs = Math.max(entry.keepUntilMs, entry.dueAtMs);
  }

  function noteFailure(entry: Entry, failure: IssueFailure): void {
    const nowMs = clock.now();
    const before = newestOf(entry, nowMs);
    const isHeld = before?.kind === "issued";
    entry.setback = setbackAfter(entry.setback, failure, { nowMs, isHeld, random: random() });
    entry.dueAtMs = entry.setback.retryAtMs;
    if (!(isHeld || isSame(before?.failure, failure))) {
      tell(entry.key);
    }
  }
}

function isSame(one: IssueFailure | undefined, other: IssueFailure): boolean {
  return one?.code === other.code && one.message === other.message;
}
