/** Those who want to hear of something, told in the order in which they came. */
export interface Listeners<Event> {
  /** Hears of everything from now until disposed. */
  add(listener: (event: Event) => void): Disposable;
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
      for (const { hear } of listeners) {
        hear(event);
      }
    },
  };
}
