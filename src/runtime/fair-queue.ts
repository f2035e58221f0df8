import { createRecentMap } from "./recent-map.ts";

/**
 * Keys that wait, each once, in the name of one or more parties. Parties take turns, and within a party the first come is
 * the first served, so that one with thousands of keys does not keep one with a single key waiting.
 */
export interface FairQueue<Key> {
  /** Queues the key for the parties, besides those it waits for already. */
  add(key: Key, parties: readonly string[]): void;
  has(key: Key): boolean;
  /** How many keys wait in the party's name. */
  waitingFor(party: string): number;
  /** Whether the key was waiting. */
  delete(key: Key): boolean;
  /** The next key, which no longer waits; `undefined` where none does. */
  take(): Key | undefined;
  takeAll(): readonly Key[];
}

/**
 * @param turnsRemembered of how many parties the last turn is remembered: of those that wait the one is next whose turn is longest
 * ago, so that keys which give up waiting need not begin behind all who never do. 0 for none, and parties that come back are last
 */
export function createFairQueue<Key>(turnsRemembered = 0): FairQueue<Key> {
  /** In the order of their turns. */
  const waiting = new Map<string, Set<Key>>();
  const partiesOf = new Map<Key, Set<string>>();
  const lastTurns = turnsRemembered > 0 ? createRecentMap<string, number>(turnsRemembered) : undefined;
  let turns = 0;

  function add(key: Key, parties: readonly string[]): void {
    const own = partiesOf.get(key) ?? new Set();
    partiesOf.set(key, own);
    for (const party of parties) {
      const keys = waiting.get(party) ?? new Set();
      waiting.set(party, keys.add(key));
      own.add(party);
    }
  }

  function remove(key: Key): boolean {
    for (const party of partiesOf.get(key) ?? []) {
      const keys = waiting.get(party);
      keys?.delete(key);
      if (keys?.size === 0) {
        waiting.delete(party);
      }
    }
    return partiesOf.delete(key);
  }

  function nextParty(): string | undefined {
    const [first] = waiting.keys();
    return lastTurns === undefined ? first : [...waiting.keys()].reduce(earlierTurn, first ?? "");
  }

  function earlierTurn(one: string, other: string): string {
    return (lastTurns?.get(other) ?? 0) < (lastTurns?.get(one) ?? 0) ? other : one;
  }

  function take(): Key | undefined {
    const party = nextParty();
    const keys = waiting.get(party ?? "");
    if (party === undefined || keys === undefined) {
      return undefined;
    }
    turns += 1;
    lastTurns?.set(party, turns);
    waiting.delete(party);
    waiting.set(party, keys);
    for (const key of keys) {
      remove(key);
      return key;
    }
    return undefined;
  }

  return {
    add,
    has: (key) => partiesOf.has(key),
    waitingFor: (party) => waiting.get(party)?.size ?? 0,
    delete: remove,
    take,
    takeAll() {
      const all = [...partiesOf.keys()];
      waiting.clear();
      partiesOf.clear();
      return all;
    },
  };
}
