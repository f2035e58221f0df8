import { expect, test } from "bun:test";
import { parseDurationMs } from "../../../src/cli/duration.ts";

test.each([
  ["15m", 900_000],
  ["1h30m", 5_400_000],
  ["500ms", 500],
  ["1.5h", 5_400_000],
  ["0", 0],
  ["0s", 0],
  ["+5s", 5_000],
  [".5s", 500],
  ["1.s", 1_000],
  ["1m1m", 120_000],
  ["2us", 0.002],
  ["2\u00b5s", 0.002],
  ["2\u03bcs", 0.002],
  ["3ns", 0.000_003],
  ["12h0m0s", 43_200_000],
])("%s is %d ms", (text, expected) => {
  const parsed = parseDurationMs(text);

  expect(parsed).toBeCloseTo(expected, 9);
});

test.each([
  "",
  "5",
  "s",
  ".",
  ".s",
  "-5s",
  "5 s",
  "5S",
  "5d",
  "1h 30m",
  "1e3s",
  "5s\n",
  "٥s",
  "3000000h",
  "1.5.5s",
  "+",
])("%j is not a duration that a flag takes", (text) => {
  const parsed = parseDurationMs(text);

  expect(parsed).toBeUndefined();
});
