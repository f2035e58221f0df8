import { untilAborted } from "../../runtime/abort.ts";
import type { Listeners } from "../../runtime/listeners.ts";

/** Ends waits when something changes that matters to them, also when it did so just before the wait. Dispose it to stop listening. */
export interface Wake extends Disposable {
  /** Forgets the changes so far. */
  reset(): void;
  /** Resolves with the first of these, or when something has changed since the last reset; rejects with the signal's reason. */
  by(promises: readonly Promise<unknown>[], signal: AbortSignal): Promise<void>;
}

/** @param sources such as certificates */
export function createWake(...sources: readonly Pick<Listeners<unknown>, "add">[]): Wake {
  let changed = Promise.withResolvers<void>();
  const listening = new DisposableStack();
  for (const source of sources) {
    listening.use(source.add(() => changed.resolve()));
  }
  return {
    reset() {
      changed = Promise.withResolvers<void>();
    },
    async by(promises, signal) {
      await untilAborted(Promise.race([changed.promise, ...promises]), signal);
    },
    [Symbol.dispose]: () => listening.dispose(),
  };
}
