import type { Clock } from "./clock.ts";

export type Task = (signal: AbortSignal) => Promise<void>;

/**
 * Runs the tasks until all have returned. The first that throws has the others' signal aborted, and its error is thrown once
 * they are all done; what the others throw after an abort is theirs to log.
 */
export async function runAll(signal: AbortSignal, tasks: readonly Task[]): Promise<void> {
  const failed = new AbortController();
  const inner = AbortSignal.any([signal, failed.signal]);
  let firstError: { readonly error: unknown } | undefined;

  async function run(task: Task): Promise<void> {
    try {
      await task(inner);
    } catch (error) {
      if (!inner.aborted) {
        firstError = { error };
        failed.abort(error);
      }
    }
  }

  await Promise.all(tasks.map(run));
  if (firstError !== undefined) {
    throw firstError.error;
  }
}

/** Runs the tasks for as long as the main one needs them, which alone is told by the signal that it is time to end. */
export async function runUntilDone(signal: AbortSignal, main: Task, tasks: readonly Task[]): Promise<void> {
  const done = new AbortController();
  const runMain: Task = async (inner) => {
    await main(AbortSignal.any([signal, inner]));
    done.abort(new Error("the main task is done"));
  };
  await runAll(done.signal, [...tasks, runMain]);
}

/** Does something every so many milliseconds, the first time after the first of them; where that is 0, never. */
export function repeat(action: () => void, everyMs: number, clock: Pick<Clock, "sleep">): Task {
  return async (signal) => {
    while (everyMs > 0) {
      await clock.sleep(everyMs, signal);
      action();
    }
  };
}
