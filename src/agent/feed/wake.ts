import { untilAborted } from "../../runtime/abort.ts";
import type { Listeners } from "../../runtime/listeners.ts";

/** Ends waits when certificates change, also when they did so just before the wait. Dispose it to stop listening. */
export interface Wake extends Disposable {
  /** Forgets the changes so far. */
  reset(): void;
  /** Resolves with the first of these, or when certificates have changed since the last reset; rejects with the signal's reason. */
  by(promises: readonly Promise<unknown>[], signal: AbortSignal): Promise<void>;
}

export function createWake(changes: Pick<Listeners<unknown>, "add">): Wake {
  let changed = Promise.withResolvers<void>();
  const listening = changes.add(() => changed.resolve());
  return {
    reset() {
      changed = Promise.withResolvers<void>();
    },
    async by(promises, signal) {
      await untilAborted(Promise.race([changed.promise, ...promises]), signal);
    },
    [Symbol.dispose]: () => listening[Symbol.dispose](),
  };
}
