import type { IdentityKey } from "../../domain/role-identity.ts";
import { createFairQueue } from "../../runtime/fair-queue.ts";
import type { LaneName, Pace } from "./pace.ts";

/** Two queues before STS, each with calls of its own: what pods wait for never stands behind what is fetched ahead. */
export interface Lanes {
  /** Queues a key in a lane. One that waits in the background already is promoted by a request; never the reverse. */
  enter(lane: LaneName, key: IdentityKey, parties: readonly string[]): void;
  /** Takes a key out that waits in the background; whether it did. */
  withdraw(key: IdentityKey): boolean;
  /** Starts what may start by now. */
  pump(): void;
  /** Lets the background lane start calls until disposed. */
  openBackground(): Disposable;
}

export interface LanesDeps {
  readonly pace: Pace;
  /** Makes the call; never rejects. */
  readonly start: (key: IdentityKey) => Promise<void>;
  /** Sends a request away without a call, because STS pushes back. */
  readonly decline: (key: IdentityKey) => void;
}

export function createLanes({ pace, start, decline }: LanesDeps): Lanes {
  const queues = { request: createFairQueue<IdentityKey>(), background: createFairQueue<IdentityKey>() };
  const up = { request: 0, background: 0 };
  let backgroundIsOpen = false;

  async function run(lane: LaneName, key: IdentityKey): Promise<void> {
    up[lane] += 1;
    try {
      await start(key);
    } finally {
      up[lane] -= 1;
      pump();
    }
  }

  function fill(lane: LaneName): void {
    while (up[lane] < pace.allowed(lane)) {
      const key = queues[lane].take();
      if (key === undefined) {
        return;
      }
      void run(lane, key);
    }
  }

  function pump(): void {
    fill("request");
    if (pace.allowed("request") === 0) {
      queues.request.takeAll().forEach(decline);
    }
    if (backgroundIsOpen) {
      fill("background");
    }
  }

  return {
    enter(lane, key, parties) {
      if (lane === "background" && queues.request.has(key)) {
        return;
      }
      if (lane === "request") {
        queues.background.delete(key);
      }
      queues[lane].add(key, parties);
      pump();
    },
    withdraw: (key) => queues.background.delete(key),
    pump,
    openBackground() {
      backgroundIsOpen = true;
      pump();
      return {
        [Symbol.dispose]: () => {
          backgroundIsOpen = false;
        },
      };
    },
  };
}
