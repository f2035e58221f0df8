import type { IssueFailure, IssueResult } from "../../domain/issue.ts";
import { backoffMs } from "../../runtime/backoff.ts";
import type { Clock } from "../../runtime/clock.ts";

export type LaneName = "request" | "background";

/**
 * How fast STS may be asked, learnt from its answers. While it pushes back one call at a time tries whether it is well
 * again, after a pause that doubles; the first good answer lifts everything.
 */
export interface Pace {
  /** To be taken when a call starts and handed back with its answer: answers to older questions change nothing. */
  readonly epoch: number;
  heard(result: IssueResult, epoch: number): void;
  /** How many calls the lane may have up at this moment: all, one, or none. */
  allowed(lane: LaneName, width: number): number;
  /** What STS said when it pushed back last; `undefined` while all is well. */
  readonly trouble: IssueFailure | undefined;
}

/** At most 16 s between two tries, so that all is held again within half a minute of STS being well. */
const pause = { firstMs: 1_000, longestMs: 16_000 };

/**
 * From which trouble in a row a lane pauses. One identity alone may be what makes a call time out: that must not stop the
 * others, and pods that wait have no time for a pause after a single throttled call.
 */
const pushbacksThatPause = { request: 3, background: 1 } as const;
const failuresThatPauseBackground = 3;

export function createPace(deps: { readonly clock: Clock; readonly random: () => number }): Pace {
  let epoch = 0;
  let trouble: IssueFailure | undefined;
  let failures = 0;
  let pushbacks = 0;
  let resumeAtMs = 0;

  const pauses = (lane: LaneName) =>
    pushbacks >= pushbacksThatPause[lane] || (lane === "background" && failures >= failuresThatPauseBackground);

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
        trouble = undefined;
        failures = 0;
        pushbacks = 0;
        return;
      }
      epoch += 1;
      trouble = result.failure;
      pushbacks += result.failure.kind === "unavailable" ? 0 : 1;
      resumeAtMs = deps.clock.now() + backoffMs(failures, pause, deps.random());
      failures += 1;
    },
    allowed(lane, width) {
      if (!pauses(lane)) {
        return width;
      }
      return deps.clock.now() < resumeAtMs ? 0 : 1;
    },
  };
}
