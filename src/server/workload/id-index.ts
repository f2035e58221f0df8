/** Which ids are filed under a key. Filing twice is filing once; keys without ids take no room. */
export interface IdIndex<Id> {
  add(key: string, id: Id): void;
  remove(key: string, id: Id): void;
  idsOf(key: string): Iterable<Id>;
}

/** Most keys have one id (an address and its pod): a set is made for those that have more. */
export function createIdIndex<Id extends string>(): IdIndex<Id> {
  const filed = new Map<string, Id | Set<Id>>();
  return {
    add(key, id) {
      const held = filed.get(key);
      if (held === undefined || held === id) {
        filed.set(key, id);
      } else if (typeof held === "string") {
        filed.set(key, new Set([held, id]));
      } else {
        held.add(id);
      }
    },
    remove(key, id) {
      const held = filed.get(key);
      if (held === id) {
        filed.delete(key);
      } else if (held instanceof Set) {
        held.delete(id);
        for (const left of held.size === 1 ? held : []) {
          filed.set(key, left);
        }
      }
    },
    idsOf(key) {
      const held = filed.get(key);
      return typeof held === "string" ? [held] : (held ?? []);
    },
  };
}
