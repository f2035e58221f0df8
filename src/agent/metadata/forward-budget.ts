import type { Clock } from "../../runtime/clock.ts";
import { createFairQueue } from "../../runtime/fair-queue.ts";

/** How many requests leave the node: the metadata service's limit is the instance's, and its own programs need it too. */
export interface ForwardBudget {
  /** Waits until it is the key's turn, in the party's name. Rejects with the signal's reason. A key waits once at a time. */
  pass(key: string, party: string, signal: AbortSignal): Promise<void>;
  /** Lets a key that waits wait in one more party's name. */
  join(key: string, party: string): void;
  isWaiting(key: string): boolean;
}

/** Of 1,024 packets a second a request takes about ten. https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-limits.html */
const perSecond = 20;
const burst = 100;

/** A node has a few hundred pods. */
const partiesRemembered = 4_096;

/**
 * Parties take turns, so that one with many keys does not keep the others waiting; and who has had none for longest is next, so that
 * more parties than pass in a second's patience do not keep those out who come anew.
 */
export function createForwardBudget(clock: Pick<Clock, "now" | "after">): ForwardBudget {
  const queue = createFairQueue<string>(partiesRemembered);
  const admit = new Map<string, () => void>();
  let left = burst;
  let countedAtMs = clock.now();
  let timer: Disposable | undefined;

  function refill(): void {
    const nowMs = clock.now();
    // A clock that was set back gives nothing and takes nothing.
    left = Math.min(burst, left + (Math.max(nowMs - countedAtMs, 0) * perSecond) / 1_000);
    countedAtMs = nowMs;
  }

  function admitDue(): void {
    refill();
    while (left >= 1) {
      const key = queue.take();
      if (key === undefined) {
        return;
      }
      left -= 1;
      admit.get(key)?.();
      admit.delete(key);
    }
    if (admit.size > 0) {
      timer ??= clock.after(Math.ceil(((1 - left) * 1_000) / perSecond), () => {
        timer = undefined;
        admitDue();
      });
    }
  }

  function leave(key: string): void {
    queue.delete(key);
    admit.delete(key);
    if (admit.size === 0) {
      timer?.[Symbol.dispose]();
      timer = undefined;
    }
  }

  return {
    async pass(key, party, signal) {
      signal.throwIfAborted();
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      // At once, so that the key may wait anew the moment that the signal is aborted.
      const onAbort = () => {
        leave(key);
        reject(signal.reason);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      admit.set(key, () => {
        signal.removeEventListener("abort", onAbort);
        resolve();
      });
      queue.add(key, [party]);
      admitDue();
      await promise;
    },
    join(key, party) {
      if (queue.has(key)) {
        queue.add(key, [party]);
      }
    },
    isWaiting: (key) => queue.has(key),
  };
}
