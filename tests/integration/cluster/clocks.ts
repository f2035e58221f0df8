import { type Clock, systemClock } from "../../../src/runtime/clock.ts";

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
