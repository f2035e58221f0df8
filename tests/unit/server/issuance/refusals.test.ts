import { describe, expect, test } from "bun:test";
import type { IssueFailure } from "../../../../src/domain/issue.ts";
import { rememberedRefusal, type Setback, setbackAfter } from "../../../../src/server/issuance/refusals.ts";

const refused: IssueFailure = { kind: "refused", code: "AccessDenied", message: "no" };
const throttled: IssueFailure = { kind: "throttled", code: "Throttling", message: "slower" };
const ownExpired: IssueFailure = { kind: "own-credentials", code: "ExpiredToken", message: "old" };

/** What is remembered after these failures, one after the other at time 0. */
function after(failures: readonly IssueFailure[], isHeld = false): Setback | undefined {
  let setback: Setback | undefined;
  for (const failure of failures) {
    setback = setbackAfter(setback, failure, { nowMs: 0, isHeld, random: 1 });
  }
  return setback;
}

const times = (count: number, failure: IssueFailure) => Array.from({ length: count }, () => failure);

describe("a refusal", () => {
  test.each([
    [1, 5],
    [2, 10],
    [3, 20],
    [4, 40],
    [5, 60],
    [50, 60],
  ])("for the %pth time is remembered %p s", (count, seconds) => {
    expect(after(times(count, refused))?.rememberedUntilMs).toBe(seconds * 1000);
  });

  test("is remembered to the millisecond", () => {
    const setback = after([refused]);

    expect(rememberedRefusal(setback, 4_999)).toBe(refused);
    expect(rememberedRefusal(setback, 5_000)).toBeUndefined();
  });

  test("that comes after something else is a first one", () => {
    expect(after([...times(5, refused), throttled, refused])?.rememberedUntilMs).toBe(5_000);
  });

  test("is tried again in the background every ten minutes at last, never while it is remembered", () => {
    expect(after([refused])?.retryAtMs).toBe(10_000);
    expect(after(times(30, refused))?.retryAtMs).toBe(600_000);
    for (const count of [1, 2, 3, 4, 5, 6]) {
      const setback = after(times(count, refused), true);
      expect(setback?.retryAtMs).toBeGreaterThanOrEqual(setback?.rememberedUntilMs ?? Number.NaN);
    }
  });

  test("of a renewal is tried again every minute at last", () => {
    expect(after(times(30, refused), true)?.retryAtMs).toBe(60_000);
  });
});

test.each([throttled, ownExpired, { ...throttled, kind: "unavailable" } as const])(
  "$kind is no refusal: nothing is remembered, and the background is back within ten seconds",
  (failure) => {
    expect(rememberedRefusal(after([failure]), 0)).toBeUndefined();
    expect(after([failure])?.retryAtMs).toBe(1_000);
    expect(after(times(50, failure))?.retryAtMs).toBe(10_000);
  },
);

test("of nothing nothing is remembered", () => {
  expect(rememberedRefusal(undefined, 0)).toBeUndefined();
});
