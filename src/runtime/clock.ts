/** Where time comes from. Everything that waits or compares times takes one. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Runs `callback` once after `ms`, unless disposed before. */
  after(ms: number, callback: () => void): Disposable;
}

/** The longest delay that timers take: a longer one would fire at once, so it is waited for in parts. */
const longestTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  sleep: (ms, signal) => sleepUntil(systemClock, ms, signal),
  after(ms, callback) {
    const set = (leftMs: number): ReturnType<typeof setTimeout> =>
      leftMs <= longestTimerMs
        ? setTimeout(callback, Math.max(leftMs, 0))
        : setTimeout(() => {
            timer = set(leftMs - longestTimerMs);
          }, longestTimerMs);
    let timer = set(ms);
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};

/** {@link Clock.sleep} in terms of {@link Clock.after}. */
export async function sleepUntil(clock: Pick<Clock, "after">, ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  using _timer = clock.after(ms, resolve);
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
