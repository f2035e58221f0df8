import { deadline, untilAborted } from "../../runtime/abort.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Listeners } from "../../runtime/listeners.ts";

export interface StoreWait {
  /** After which to look again. */
  readonly changes: readonly Pick<Listeners<void>, "add">[];
  readonly clock: Clock;
  readonly patienceMs: number;
}

/**
 * Waits until `look` finds something, looking now and after each change. Resolves to `undefined` when patience
 * has run out; rejects with the signal's reason.
 * @param look is given a signal that is aborted when the wait is over, for what it starts
 */
export async function waitOnStore<Found>(
  look: (over: AbortSignal) => Found | undefined,
  { changes, clock, patienceMs }: StoreWait,
  signal: AbortSignal,
): Promise<Found | undefined> {
  const over = new AbortController();
  const { promise, resolve } = Promise.withResolvers<Found>();
  const lookOnce = () => {
    const found = look(over.signal);
    if (found !== undefined) {
      resolve(found);
    }
  };

  signal.throwIfAborted();
  using limit = deadline(patienceMs, clock, signal);
  using listening = new DisposableStack();
  for (const source of changes) {
    listening.use(source.add(lookOnce));
  }
  try {
    lookOnce();
    return await untilAborted(promise, limit.signal);
  } catch (error) {
    if (limit.passed && !signal.aborted) {
      return undefined;
    }
    throw error;
  } finally {
    over.abort(new Error("the wait is over"));
  }
}
