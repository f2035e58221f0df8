import { expect, test } from "bun:test";
import { renewStreamAfterMs } from "../../../../src/agent/feed/renewal.ts";

const hourMs = 3_600_000;

test.each([
  [0, 0.85],
  [0.5, 0.9],
  [0.999_999, 0.95],
])("with chance %p a stream stays for %p of the token's time", (random, share) => {
  const afterMs = renewStreamAfterMs(hourMs, 0, random);

  expect(afterMs).toBeCloseTo(share * hourMs, -1);
});

test.each([5_000, 0, -hourMs])("with %p ms left it stays ten seconds all the same", (leftMs) => {
  const afterMs = renewStreamAfterMs(hourMs + leftMs, hourMs, 0);

  expect(afterMs).toBe(10_000);
});
