import type { Clock } from "./clock.ts";

/** A signal that is never aborted. */
export function neverAborted(): AbortSignal {
  return new AbortController().signal;
}

/** Resolves when the signal is aborted. */
export async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) {
    const { promise, resolve } = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
  }
}

/** Resolves as the promise does, or rejects with the signal's reason when it is aborted first. The promise goes on. */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  // What nobody waits for any more may fail without ending the process.
  promise.catch(() => {});
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

export interface Deadline extends Disposable {
  readonly signal: AbortSignal;
  /** Whether it was time that ran out, and not the outer signal. */
  readonly passed: boolean;
}

/** A signal aborted after `ms` or with the outer signal, whichever comes first. Dispose it to free the timer. */
export function deadline(ms: number, clock: Clock, signal: AbortSignal): Deadline {
  const controller = new AbortController();
  let passed = false;
  const timer = clock.after(ms, () => {
    passed = !controller.signal.aborted;
    controller.abort(new Error(`no answer within ${ms} ms`));
  });
  // By hand and not by AbortSignal.any: what listens there is held for as long as the outer signal lives.
  const onAbort = () => controller.abort(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) {
    onAbort();
  }
  return {
    signal: controller.signal,
    get passed() {
      return passed;
    },
    [Symbol.dispose]() {
      timer[Symbol.dispose]();
      signal.removeEventListener("abort", onAbort);
    },
  };
}
