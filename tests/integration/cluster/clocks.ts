import { type Clock, sleepUntil, systemClock } from "../../../src/runtime/clock.ts";

/** The real clock, whose hands a test can put forward: timers take their real time, and read another time of day. */
export interface MovedClock extends Clock {
  putForward(ms: number): void;
}

export function createMovedClock(): MovedClock {
  let offsetMs = 0;
  return {
    ...systemClock,
    now: () => systemClock.now() + offsetMs,
    putForward(ms) {
      offsetMs += ms;
    },
  };
}

/** The real time of day, and sleeps that are over sooner: for what looks again and again at what a test changes. */
export const hurriedClock: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(ms / 20, signal),
};

/** A clock whose every second takes the `speed`th part of one, timers included: for what waits long, before servers that are real. */
export function createFastClock(speed: number): Clock {
  const startMs = systemClock.now();
  const startedMs = performance.now();
  const clock: Clock = {
    now: () => startMs + (performance.now() - startedMs) * speed,
    after: (ms, callback) => systemClock.after(Math.ceil(ms / speed), callback),
    sleep: (ms, signal) => sleepUntil(clock, ms, signal),
  };
  return clock;
}
