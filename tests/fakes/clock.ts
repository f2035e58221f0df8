import { type Clock, sleepUntil } from "../../src/runtime/clock.ts";

export interface FakeClock extends Clock {
  /** Moves time on, firing in order what falls due, and lets what they woke run in between. */
  advance(ms: number): Promise<void>;
  /** Resolves once somebody waits for a timer that is due within `ms` from now. */
  waiting(ms?: number): Promise<void>;
  /** How many timers are set. */
  readonly timers: number;
}

interface Timer {
  readonly dueMs: number;
  readonly callback: () => void;
}

/**
 * A clock that stands still until it is told to move on. Starts at 2026-01-01.
 * @param quiet resolves once all that was woken has run: it takes more than {@link settle} where real sockets are involved
 */
export function createFakeClock(startMs = Date.UTC(2026, 0, 1), quiet: () => Promise<void> = settle): FakeClock {
  let nowMs = startMs;
  const timers = new Set<Timer>();
  const watchers = new Set<() => void>();

  const next = (limitMs: number): Timer | undefined =>
    [...timers].filter((timer) => timer.dueMs <= limitMs).sort((a, b) => a.dueMs - b.dueMs)[0];

  const clock: FakeClock = {
    now: () => nowMs,
    get timers() {
      return timers.size;
    },
    sleep: (ms, signal) => sleepUntil(clock, ms, signal),
    after(ms, callback) {
      const timer: Timer = { dueMs: nowMs + Math.max(ms, 0), callback };
      timers.add(timer);
      for (const notice of watchers) {
        notice();
      }
      return { [Symbol.dispose]: () => timers.delete(timer) };
    },
    async advance(ms) {
      const endMs = nowMs + ms;
      await quiet();
      for (let timer = next(endMs); timer !== undefined; timer = next(endMs)) {
        timers.delete(timer);
        nowMs = timer.dueMs;
        timer.callback();
        await quiet();
      }
      nowMs = endMs;
    },
    async waiting(ms = Number.POSITIVE_INFINITY) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const look = () => {
        if (next(nowMs + ms) !== undefined) {
          resolve();
        }
      };
      watchers.add(look);
      look();
      await promise;
      watchers.delete(look);
    },
  };
  return clock;
}

/** Lets every promise that is already resolved run its continuations, several deep. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) {
    await Promise.resolve();
  }
}
