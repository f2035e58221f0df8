/** A number of places for each of many who may not starve the others. */
export interface Limit<Key> {
  /** Takes a place until disposed; `undefined` where the key has as many as it may have. */
  take(key: Key): Disposable | undefined;
}

export function createLimit<Key>(mostPerKey: number): Limit<Key> {
  const taken = new Map<Key, number>();

  function giveBack(key: Key): void {
    const count = (taken.get(key) ?? 0) - 1;
    if (count > 0) {
      taken.set(key, count);
    } else {
      taken.delete(key);
    }
  }

  return {
    take(key) {
      const count = taken.get(key) ?? 0;
      if (count >= mostPerKey) {
        return undefined;
      }
      taken.set(key, count + 1);
      return { [Symbol.dispose]: () => giveBack(key) };
    },
  };
}
