/** The pods' addresses: what one gives back the next one takes. */
export interface Addresses {
  take(isOnWatchedNode: boolean): string;
  giveBack(address: string): void;
  /** A pod of the role is at the address from now on. */
  note(address: string, role: string): void;
  hadLately(address: string, role: string, withinMs: number): boolean;
}

interface Stay {
  readonly role: string;
  endedAtMs: number;
}

/** What is longer ago is of no interest. */
const remembered = 8;

export function createAddresses(): Addresses {
  const free = { watched: [] as string[], other: [] as string[] };
  const made = { watched: 0, other: 0 };
  const stays = new Map<string, Stay[]>();

  function endStay(address: string): void {
    const last = stays.get(address)?.at(-1);
    if (last !== undefined) {
      last.endedAtMs = Math.min(last.endedAtMs, performance.now());
    }
  }

  return {
    take(isOnWatchedNode) {
      const kind = isOnWatchedNode ? "watched" : "other";
      const again = free[kind].pop();
      if (again !== undefined) {
        return again;
      }
      const number = made[kind];
      made[kind] += 1;
      // Of the loopback, so that a client on this machine can have it too.
      return isOnWatchedNode
        ? `127.1.${number >> 7}.${(number & 127) + 1}`
        : `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`;
    },
    giveBack(address) {
      if (address !== "") {
        free[address.startsWith("127.") ? "watched" : "other"].push(address);
        endStay(address);
      }
    },
    note(address, role) {
      if (address.startsWith("127.")) {
        endStay(address);
        const known = stays.get(address) ?? [];
        stays.set(address, [...known.slice(-remembered), { role, endedAtMs: Number.POSITIVE_INFINITY }]);
      }
    },
    hadLately: (address, role, withinMs) =>
      stays.get(address)?.some((stay) => stay.role === role && stay.endedAtMs > performance.now() - withinMs) ?? false,
  };
}
