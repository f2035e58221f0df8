import type { IssueFailure, IssueResult } from "../../domain/issue.ts";
import { backoffMs } from "../../runtime/backoff.ts";
import type { Clock } from "../../runtime/clock.ts";

export type LaneName = "request" | "background";

/**
 * How fast STS may be asked, learnt from its answers. While it pushes back one call at a time tries whether it is well
 * again, after a pause that doubles; good answers then widen the background step by step.
 */
export interface Pace {
  /** To be taken when a call starts and handed back with its answer: answers to older questions change nothing. */
  readonly epoch: number;
  heard(result: IssueResult, epoch: number): void;
  /** How many calls the lane may have up at this moment: all, some, one, or none. */
  allowed(lane: LaneName): number;
  /** What STS said when it pushed back last; `undefined` while all is well. */
  readonly trouble: IssueFailure | undefined;
}

export interface PaceDeps {
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  /** Calls that each lane may have up at most, 1 or more. */
  readonly width: number;
}

/** At most 16 s between two tries, so that all is held again within half a minute of STS being well. */
const pause = { firstMs: 1_000, longestMs: 16_000 };

/** What ails the server's own credentials is often over at once, as when a key is put in place, and pods wait for that. */
const ownCredentialsPause = { firstMs: 500, longestMs: 1_000 };

/**
 * From which trouble in a row a lane pauses. One identity alone may be what makes a call time out: that must not stop the
 * others, and pods that wait have no time for a pause after a single throttled call.
 */
const pushbacksThatPause = { request: 3, background: 1 } as const;
const failuresThatPauseBackground = 3;

/**
 * How much wider the background gets with a good answer: up to half of what was too wide by one, and from there on by this
 * part of what it is, so that an STS that takes few calls is found out to take few at the cost of one in a dozen.
 */
const cautiousStep = 0.2;

export function createPace({ clock, random, width }: PaceDeps): Pace {
  let epoch = 0;
  let trouble: IssueFailure | undefined;
  let failures = 0;
  let pushbacks = 0;
  const resumeAtMs = { request: 0, background: 0 };
  /** Of the background, and from where on it grows cautiously. */
  let widest = width;
  let cautiousFrom = width;

  const pauses = (lane: LaneName) =>
    pushbacks >= pushbacksThatPause[lane] || (lane === "background" && failures >= failuresThatPauseBackground);

  function widen(): void {
    trouble = undefined;
    failures = 0;
    pushbacks = 0;
    widest = Math.min(width, widest + (widest < cautiousFrom ? 1 : cautiousStep / widest));
  }

  function narrow(failure: IssueFailure): void {
    const nowMs = clock.now();
    const waitMs = backoffMs(failures, pause, random());
    const isOwn = failure.kind === "own-credentials";
    epoch += 1;
    trouble = failure;
    failures += 1;
    pushbacks += failure.kind === "unavailable" ? 0 : 1;
    resumeAtMs.background = nowMs + waitMs;
    resumeAtMs.request = nowMs + (isOwn ? backoffMs(failures, ownCredentialsPause, random()) : waitMs);
    if (pauses("background") && widest > 1) {
      cautiousFrom = widest / 2;
      widest = 1;
    }
  }

  return {
    get epoch() {
      return epoch;
    },
    get trouble() {
      return trouble;
    },
    heard(result, askedIn) {
      if (askedIn !== epoch) {
        return;
      }
      if (result.kind === "issued" || result.failure.kind === "refused") {
        widen();
      } else {
        narrow(result.failure);
      }
    },
    allowed(lane) {
      if (pauses(lane)) {
        return clock.now() < resumeAtMs[lane] ? 0 : 1;
      }
      return lane === "background" ? Math.floor(widest) : width;
    },
  };
}
