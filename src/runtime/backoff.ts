export interface BackoffRange {
  readonly firstMs: number;
  readonly longestMs: number;
}

/**
 * How long to wait before try number `attempt` (0 for the first retry): doubled each time up to the longest, and somewhere
 * in the upper half of that, so that many who failed together do not come back together. @param random in [0, 1)
 */
export function backoffMs(attempt: number, range: BackoffRange, random: number): number {
  const fullMs = Math.min(range.longestMs, range.firstMs * 2 ** Math.min(attempt, 30));
  return fullMs * (0.5 + random / 2);
}
