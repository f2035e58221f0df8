import type { PodUid } from "../../domain/pod.ts";
import type { IdentityKey } from "../../domain/role-identity.ts";
import type { Clock } from "../../runtime/clock.ts";

/** Of what a reader must hear next. Names only: the newest state of each is looked up when the reader is ready for it. */
export interface Notices {
  readonly changed: readonly PodUid[];
  readonly removed: readonly PodUid[];
  readonly identities: readonly IdentityKey[];
  /** A pod came and went unseen. Somebody else may have told the reader of it: it must hear how far this stream has heard. */
  readonly passedOver?: true;
}

/**
 * What one stream's reader has yet to hear of. However slow the reader and however long the history, it holds no more than
 * the pods that the reader was told of and those that live, and the identities that they use. Dispose it when the reader
 * has gone: whoever waits is woken.
 */
export interface Mailbox extends Disposable {
  podChanged(uid: PodUid): void;
  podRemoved(uid: PodUid): void;
  /** Pods may have come and gone unseen. */
  passOver(): void;
  identityChanged(key: IdentityKey): void;
  /** No pod uses the identity any more, so there is nothing to say of it. */
  identityUnused(key: IdentityKey): void;
  /** Everything there is; afterwards the reader counts as told. `undefined` where there is nothing. */
  take(): Notices | undefined;
  /** Resolves once there is something to take or `ms` have passed; it may resolve before. */
  wait(ms: number): Promise<void>;
  readonly size: number;
}

/** @param known the pods that the reader has been told of in a snapshot */
export function createMailbox(known: Iterable<PodUid>, clock: Clock): Mailbox {
  const told = new Set(known);
  const changed = new Set<PodUid>();
  const removed = new Set<PodUid>();
  const identities = new Set<IdentityKey>();
  let isPassedOver = false;
  let wake: () => void = () => undefined;
  let alarm: { readonly atMs: number; readonly timer: Disposable } | undefined;
  let isOver = false;

  /** One that rings too early does no harm, and most waits end before: so the next one finds it set already. */
  function setAlarm(ms: number): void {
    const atMs = clock.now() + ms;
    if (alarm !== undefined && alarm.atMs <= atMs) {
      return;
    }
    alarm?.timer[Symbol.dispose]();
    const ring = () => {
      alarm = undefined;
      wake();
    };
    alarm = { atMs, timer: clock.after(ms, ring) };
  }

  const size = () => changed.size + removed.size + identities.size;
  const isEmpty = () => size() === 0 && !isPassedOver;

  function takeAll(): Notices {
    const notices = {
      ...{ changed: [...changed], removed: [...removed], identities: [...identities] },
      ...(isPassedOver ? ({ passedOver: true } as const) : {}),
    };
    for (const uid of changed) {
      told.add(uid);
    }
    for (const uid of removed) {
      told.delete(uid);
    }
    changed.clear();
    removed.clear();
    identities.clear();
    isPassedOver = false;
    return notices;
  }

  function passOver(): void {
    isPassedOver = true;
    wake();
  }

  return {
    passOver,
    podChanged(uid) {
      removed.delete(uid);
      changed.add(uid);
      wake();
    },
    podRemoved(uid) {
      changed.delete(uid);
      if (!told.has(uid)) {
        return passOver();
      }
      removed.add(uid);
      wake();
    },
    identityChanged(key) {
      identities.add(key);
      wake();
    },
    identityUnused: (key) => void identities.delete(key),
    take: () => (isEmpty() ? undefined : takeAll()),
    async wait(ms) {
      if (!isEmpty() || isOver) {
        return;
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      setAlarm(ms);
      await promise;
    },
    get size() {
      return size();
    },
    [Symbol.dispose]() {
      isOver = true;
      alarm?.timer[Symbol.dispose]();
      wake();
    },
  };
}
