/** A map that holds what was used most recently, and forgets the rest. */
export interface RecentMap<Key, Value> {
  /** Counts as a use. */
  get(key: Key): Value | undefined;
  /** Counts as a use; may push out those whose last use is longest ago: one, or of a large map up to a sixty-fourth. */
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

  /**
   * The way to the oldest entry leads past the places of all that have gone since the map was last rebuilt, 200 µs in one of
   * 65,536 entries: a large map makes room for many at once.
   */
  function makeRoom(): void {
    const enough = most - Math.floor(most / 64);
    for (const oldest of entries.keys()) {
      if (weight <= enough) {
        break;
      }
      forget(oldest);
    }
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
      if (weight > most) {
        makeRoom();
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
