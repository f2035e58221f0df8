import type { IssueFailure } from "../../domain/issue.ts";
import { backoffMs } from "../../runtime/backoff.ts";

/** What is remembered of an identity whose last call gave nothing. */
export interface Setback {
  readonly failure: IssueFailure;
  /** How many calls before this one failed likewise. */
  readonly before: number;
  /** Until when requests are answered with the failure, without a call; 0 where it says nothing of the role. */
  readonly rememberedUntilMs: number;
  /** When the background may try again. */
  readonly retryAtMs: number;
}

/** SPEC 5: remembered 5 s, doubling to 60 s, so that a pod in a loop does not cost a call a request. */
const firstMemoryMs = 5_000;
const longestMemoryMs = 60_000;

/** A role that is refused stays so until a person mends it; pods that need it before then ask by themselves. */
const refusedRetry = { firstMs: 10_000, longestMs: 600_000 };
const refusedRenewalRetry = { firstMs: 10_000, longestMs: 60_000 };

/** Short: when STS is back everything is to be held within half a minute, and `pace.ts` spares it meanwhile. */
const troubleRetry = { firstMs: 1_000, longestMs: 10_000 };

/** What to remember after one more failure. @param random in [0, 1) */
export function setbackAfter(
  previous: Setback | undefined,
  failure: IssueFailure,
  now: { readonly nowMs: number; readonly isHeld: boolean; readonly random: number },
): Setback {
  const refused = failure.kind === "refused";
  const likewise = previous !== undefined && (previous.failure.kind === "refused") === refused;
  const before = likewise ? previous.before + 1 : 0;
  if (!refused) {
    const retryAtMs = now.nowMs + backoffMs(before, troubleRetry, now.random);
    return { failure, before, rememberedUntilMs: 0, retryAtMs };
  }
  const rememberedUntilMs = now.nowMs + Math.min(longestMemoryMs, firstMemoryMs * 2 ** Math.min(before, 10));
  const waitMs = backoffMs(before, now.isHeld ? refusedRenewalRetry : refusedRetry, now.random);
  return { failure, before, rememberedUntilMs, retryAtMs: Math.max(rememberedUntilMs, now.nowMs + waitMs) };
}

/** The refusal that a request is answered with instead of a call. */
export function rememberedRefusal(setback: Setback | undefined, nowMs: number): IssueFailure | undefined {
  return setback !== undefined && nowMs < setback.rememberedUntilMs ? setback.failure : undefined;
}
