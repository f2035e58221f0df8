import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { neverAborted } from "../../../src/runtime/abort.ts";
import { sleepUntil, systemClock } from "../../../src/runtime/clock.ts";
import { createFakeClock, settle } from "../../fakes/clock.ts";

describe("the system's clock", () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  const longestTimerMs = 2 ** 31 - 1;

  test("a callback runs once, when its time has come", () => {
    let runs = 0;
    systemClock.after(1000, () => {
      runs += 1;
    });

    jest.advanceTimersByTime(999);
    expect(runs).toBe(0);
    jest.advanceTimersByTime(5000);

    expect(runs).toBe(1);
  });

  test("a disposed callback does not run", () => {
    let runs = 0;
    const timer = systemClock.after(1000, () => {
      runs += 1;
    });

    timer[Symbol.dispose]();
    jest.advanceTimersByTime(5000);

    expect(runs).toBe(0);
    expect(jest.getTimerCount()).toBe(0);
  });

  test("a time that has passed already is now", () => {
    let runs = 0;
    systemClock.after(-1000, () => {
      runs += 1;
    });

    jest.advanceTimersByTime(1);

    expect(runs).toBe(1);
  });

  test("a wait longer than timers take is as long as asked for", () => {
    let runs = 0;
    systemClock.after(longestTimerMs * 2 + 1000, () => {
      runs += 1;
    });

    jest.advanceTimersByTime(longestTimerMs);
    jest.advanceTimersByTime(longestTimerMs);
    jest.advanceTimersByTime(999);
    expect(runs).toBe(0);
    jest.advanceTimersByTime(1);

    expect(runs).toBe(1);
  });

  test("a long wait can be disposed in any of its parts", () => {
    let runs = 0;
    const timer = systemClock.after(longestTimerMs + 1000, () => {
      runs += 1;
    });
    jest.advanceTimersByTime(longestTimerMs + 1);

    timer[Symbol.dispose]();
    jest.advanceTimersByTime(longestTimerMs);

    expect(runs).toBe(0);
    expect(jest.getTimerCount()).toBe(0);
  });

  test("it tells the time of the system", () => {
    jest.setSystemTime(new Date("2026-11-22T00:00:00Z"));

    expect(systemClock.now()).toBe(Date.UTC(2026, 10, 22));
  });
});

test("who sleeps wakes after the time, and leaves no timer", async () => {
  const clock = createFakeClock();
  let awake = false;
  const sleeping = sleepUntil(clock, 1000, neverAborted()).then(() => {
    awake = true;
  });

  await clock.advance(999);
  expect(awake).toBeFalse();
  await clock.advance(1);

  await sleeping;
  expect(clock.timers).toBe(0);
});

test("who is woken by an abort gets its reason, and leaves no timer", async () => {
  const clock = createFakeClock();
  const controller = new AbortController();
  const sleeping = sleepUntil(clock, 1000, controller.signal);
  await settle();

  controller.abort(new Error("wake up"));

  await expect(sleeping).rejects.toThrow("wake up");
  expect(clock.timers).toBe(0);
});

test("who is aborted already does not begin to sleep", async () => {
  const clock = createFakeClock();

  const sleeping = sleepUntil(clock, 1000, AbortSignal.abort(new Error("too late")));

  await expect(sleeping).rejects.toThrow("too late");
  expect(clock.timers).toBe(0);
});
