import { expect, test } from "bun:test";
import { backoffMs } from "../../../src/runtime/backoff.ts";

const range = { firstMs: 100, longestMs: 1000 };

test.each([
  [0, 0, 50],
  [0, 0.5, 75],
  [1, 0, 100],
  [3, 0, 400],
  [4, 0, 500],
  [60, 0, 500],
  [5000, 0, 500],
])("try %i with chance %p waits %p ms", (attempt, random, waitMs) => {
  expect(backoffMs(attempt, range, random)).toBe(waitMs);
});

test("no wait is longer than the longest", () => {
  for (const attempt of [0, 1, 5, 10, 100]) {
    expect(backoffMs(attempt, range, 0.999_999)).toBeLessThan(Math.min(1000, 100 * 2 ** attempt));
  }
});
