/** A map that holds what was used most recently, and forgets the rest. */
export interface RecentMap<Key, Value> {
  /** Counts as a use. */
  get(key: Key): Value | undefined;
  /** Counts as a use; may push out the entry whose last use is longest ago. */
  set(key: Key, value: Value): void;
  delete(key: Key): void;
  clear(): void;
  readonly size: number;
}

/** @param most how many entries are held, 1 or more */
export function createRecentMap<Key, Value>(most: number): RecentMap<Key, Value> {
  /** In the order of use, as maps keep the order of insertion. */
  const entries = new Map<Key, Value>();

  function use(key: Key, value: Value): void {
    entries.delete(key);
    entries.set(key, value);
  }

  return {
    get(key) {
      const value = entries.get(key);
      if (value !== undefined) {
        use(key, value);
      }
      return value;
    },
    set(key, value) {
      use(key, value);
      for (const oldest of entries.keys()) {
        if (entries.size <= most) {
          break;
        }
        entries.delete(oldest);
      }
    },
    delete(key) {
      entries.delete(key);
    },
    clear() {
      entries.clear();
    },
    get size() {
      return entries.size;
    },
  };
}
