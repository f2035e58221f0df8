import { describe, expect, test } from "bun:test";
import { defaultAheadMs, isBelowFloor, renewAtMs } from "../../../../src/server/issuance/schedule.ts";

const minuteMs = 60_000;
const lasting = (minutes: number) => ({ issuedAtMs: 0, expiresAtMs: minutes * minuteMs });
const renewMinute = (lifetime: number, ahead: number, random: number) =>
  renewAtMs(lasting(lifetime), ahead * minuteMs, random) / minuteMs;

test.each([
  [60, 25],
  [720, 25],
  [59, 59 / 3],
  [15, 5],
])("a session of %p minutes is renewed %p minutes ahead where nothing else is said", (session, ahead) => {
  expect(defaultAheadMs(session * minuteMs)).toBe(ahead * minuteMs);
});

describe("the moment of renewal", () => {
  test.each([
    ["lies ahead of expiry", 60, 25, 0.5, 35],
    ["is spread by a tenth of what is ahead", 60, 25, 0, 32.5],
    ["up to a tenth later", 60, 25, 1, 37.5],
    ["is spread by less where less passes before", 15, 14, 0, 0.9],
    ["is a third before the end of a life that is no longer than what was to be ahead", 15, 25, 0.5, 10],
    ["and of one that is as long", 25, 25, 0.5, 25 - 25 / 3],
  ])("%s", (_, lifetime, ahead, random, minute) => {
    expect(renewMinute(lifetime, ahead, random)).toBeCloseTo(minute, 6);
  });

  test("of a thousand issued at once never falls together", () => {
    const moments = Array.from({ length: 1000 }, (_, index) => Math.floor(renewMinute(60, 25, index / 1000) * 60));
    const perSecond = Map.groupBy(moments, (second) => second);

    expect(Math.max(...[...perSecond.values()].map((same) => same.length))).toBeLessThan(5);
  });
});

describe("the floor of fifteen minutes", () => {
  const below = (lifetime: number, ahead: number, left: number) =>
    isBelowFloor(lasting(lifetime), ahead * minuteMs, (lifetime - left) * minuteMs);

  test.each([
    ["holds from 17 minutes ahead on", 60, 17, 14.9, true],
    ["is not reached with fifteen minutes left", 60, 25, 15, false],
    ["is none where renewal comes later than it", 60, 16.9, 1, false],
    ["is none for a life too short for it", 30, 30, 1, false],
    ["holds for a short life that is renewed early", 30, 25, 14, true],
  ])("%s", (_, lifetime, ahead, left, expected) => {
    expect(below(lifetime, ahead, left)).toBe(expected);
  });

  test("is above what the spread allows, so that a renewal in time is never below it", () => {
    expect(60 - renewMinute(60, 17, 1)).toBeGreaterThan(15);
  });
});
