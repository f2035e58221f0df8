/** Those who want to hear of something, told in the order in which they came. */
export interface Listeners<Event> {
  /** Hears of everything from now until disposed. */
  add(listener: (event: Event) => void): Disposable;
  /** Tells all; where some of them throw, the first error is thrown once all have heard. */
  tell(event: Event): void;
}

export function createListeners<Event>(): Listeners<Event> {
  const listeners = new Set<{ readonly hear: (event: Event) => void }>();
  return {
    add(hear) {
      const entry = { hear };
      listeners.add(entry);
      return { [Symbol.dispose]: () => listeners.delete(entry) };
    },
    tell(event) {
      let failed: { readonly error: unknown } | undefined;
      for (const entry of [...listeners]) {
        try {
          if (listeners.has(entry)) {
            entry.hear(event);
          }
        } catch (error) {
          failed ??= { error };
        }
      }
      if (failed !== undefined) {
        throw failed.error;
      }
    },
  };
}
