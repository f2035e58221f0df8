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

/**
 * @param most how much all entries weigh together, and so how many there are where each weighs 1
 * @param weightOf always the same for an entry; less than `most`
 */
export function createRecentMap<Key, Value extends {}>(
  most: number,
  weightOf: (key: Key, value: Value) => number = () => 1,
): RecentMap<Key, Value> {
  /** In the order of use, as maps keep the order of insertion. */
  const entries = new Map<Key, Value>();
  let weight = 0;

  function use(key: Key, value: Value): void {
    entries.delete(key);
    entries.set(key, value);
  }

  function forget(key: Key): void {
    const value = entries.get(key);
    if (value !== undefined) {
      weight -= weightOf(key, value);
    }
    entries.delete(key);
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
      forget(key);
      entries.set(key, value);
      weight += weightOf(key, value);
      for (const oldest of entries.keys()) {
        if (weight <= most) {
          break;
        }
        forget(oldest);
      }
    },
    delete: forget,
    clear() {
      entries.clear();
      weight = 0;
    },
    get size() {
      return entries.size;
    },
  };
}
