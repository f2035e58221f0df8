import { type BackoffRange, backoffMs } from "../runtime/backoff.ts";
import { type ApiFailure, isExpired } from "./failure.ts";
import type { WatchEnd } from "./watch.ts";

/** Ten seconds at most, so that an API server that is back is noticed; a handful of replicas ask, not every node. */
const range: BackoffRange = { firstMs: 250, longestMs: 10_000 };

/** A watch that held this long was a good one, and what failed before it is forgotten. */
const lastedMs = 5_000;

/** A list this long ago stands for nothing that a new one could overload. */
const longSinceListMs = 30_000;

/**
 * So many doubts in a row, and the place watched from is given up. After a restore of etcd it may lie in the future: API
 * servers take such a watch, and say nothing, not even where it stands.
 */
const mostDoubts = 3;

/** How the latest tries went. */
export interface Tries {
  /** In a row, since a watch that lasted. */
  readonly failures: number;
  /** What they say against the place that is watched from. */
  readonly doubts: number;
}

export const noTries: Tries = { failures: 0, doubts: 0 };

/** What to do after one try. */
export interface Next {
  readonly tries: Tries;
  readonly step: "list" | "watch";
  readonly waitMs: number;
}

export interface WatchTimes {
  /** From when the server took it to its end, or to the last that came where it fell silent; 0 where it never was taken. */
  readonly livedMs: number;
  readonly sinceListMs: number;
}

/** @param random in [0, 1) */
export function afterFailedList(tries: Tries, failure: ApiFailure, random: number): Next {
  const failures = tries.failures + 1;
  return { tries: { failures, doubts: 0 }, step: "list", waitMs: pauseMs(failures, failure, random) };
}

/** @param random in [0, 1) */
export function afterWatch(tries: Tries, end: WatchEnd, times: WatchTimes, random: number): Next {
  const hasLasted = times.livedMs >= lastedMs;
  const failures = hasLasted ? 0 : tries.failures + 1;
  const doubts = (hasLasted ? 0 : tries.doubts) + doubtsFrom(end);
  if (doubts >= mostDoubts || (end.kind === "refused" && isExpired(end))) {
    const waitMs = times.sinceListMs >= longSinceListMs ? askedMs(end) : pauseMs(failures, end, random);
    return { tries: { failures, doubts: 0 }, step: "list", waitMs };
  }
  const waitMs = end.kind === "ended" && hasLasted ? 0 : pauseMs(failures, end, random);
  return { tries: { failures, doubts }, step: "watch", waitMs };
}

/** None from a server that is away, busy, or does not let us in: the place watched from is as good as before. */
function doubtsFrom(end: WatchEnd): number {
  switch (end.kind) {
    case "garbled":
      return 1;
    case "refused":
      return [401, 403, 429].includes(end.status) ? 0 : 1;
    case "silent":
      return 2;
    case "ended":
    case "lost":
      return 0;
    default:
      return end satisfies never;
  }
}

function askedMs(end: WatchEnd): number {
  return end.kind === "refused" ? end.retryAfterMs : 0;
}

function pauseMs(failures: number, end: WatchEnd, random: number): number {
  return Math.max(askedMs(end), backoffMs(Math.max(failures - 1, 0), range, random));
}
