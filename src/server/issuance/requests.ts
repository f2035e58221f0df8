import { type Credentials, isUnexpired, laterOf } from "../../domain/credentials.ts";
import type { IssueResult } from "../../domain/issue.ts";
import type { RoleIdentity } from "../../domain/role-identity.ts";
import { deadline, untilAborted } from "../../runtime/abort.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { ServerMetrics } from "../metrics.ts";
import { type Cache, type Entry, keepUnusedMs, partiesOf, unexpired } from "./cache.ts";
import type { Flights } from "./flights.ts";
import { rememberedRefusal } from "./refusals.ts";
import { isBelowFloor } from "./schedule.ts";

/** Answers those who need credentials now. */
export interface Requests {
  /** @param namespace in whose name an identity waits its turn that no pod wants held */
  get(identity: RoleIdentity, namespace: string, signal: AbortSignal): Promise<IssueResult>;
}

export interface RequestsDeps {
  readonly cache: Cache;
  readonly flights: Flights;
  readonly clock: Clock;
  readonly metrics: Pick<ServerMetrics, "cacheHits" | "cacheMisses" | "rememberedRefusals">;
  readonly refreshAheadMs: number;
}

/** How long a request waits for better credentials than those that are held: SDKs give up after a second. */
const renewalPatienceMs = 800;

const expiredMeanwhile: IssueResult = {
  kind: "failed",
  failure: { kind: "unavailable", code: "Timeout", message: "STS did not answer before the last credentials expired" },
};

export function createRequests({ cache, flights, clock, metrics, refreshAheadMs }: RequestsDeps): Requests {
  return {
    async get(identity, namespace, signal) {
      signal.throwIfAborted();
      const entry = cache.entryOf(identity);
      noteAsking(entry, namespace);
      const held = unexpired(entry, clock.now());
      return held === undefined ? fetched(entry, signal) : keptOrRenewed(entry, held, signal);
    },
  };

  function noteAsking(entry: Entry, namespace: string): void {
    entry.isAsked = true;
    entry.askedBy = namespace;
    entry.keepUntilMs = clock.now() + keepUnusedMs;
    cache.touch(entry);
  }

  async function fetched(entry: Entry, signal: AbortSignal): Promise<IssueResult> {
    metrics.cacheMisses.inc();
    const refusal = rememberedRefusal(entry.setback, clock.now());
    if (refusal !== undefined) {
      metrics.rememberedRefusals.inc();
      return { kind: "failed", failure: refusal };
    }
    return await untilAborted(board(entry), signal);
  }

  /** Nobody waits for a renewal but where what is held is as good as expired to SDKs, and STS has not failed to renew it. */
  async function keptOrRenewed(entry: Entry, held: Credentials, signal: AbortSignal): Promise<IssueResult> {
    metrics.cacheHits.inc();
    const kept: IssueResult = { kind: "issued", credentials: held };
    const isGoodEnough = !isBelowFloor(held, refreshAheadMs, clock.now());
    if (isGoodEnough || entry.setback !== undefined || entry.isRenewalLate) {
      return kept;
    }
    const renewed = await renewedInTime(entry, signal);
    if (renewed?.kind === "issued") {
      return { kind: "issued", credentials: laterOf(held, renewed.credentials) };
    }
    return isUnexpired(held, clock.now()) ? kept : (renewed ?? expiredMeanwhile);
  }

  async function renewedInTime(entry: Entry, signal: AbortSignal): Promise<IssueResult | undefined> {
    using patience = deadline(renewalPatienceMs, clock, signal);
    try {
      return await untilAborted(board(entry), patience.signal);
    } catch {
      signal.throwIfAborted();
      entry.isRenewalLate = true;
      return undefined;
    }
  }

  function board(entry: Entry): Promise<IssueResult> {
    return flights.board("request", entry.key, entry.identity, partiesOf(entry));
  }
}
