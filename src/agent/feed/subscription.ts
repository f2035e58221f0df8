import type { NodeUpdate } from "../../domain/node-pod.ts";
import type { Clock } from "../../runtime/clock.ts";
import { readStream, type StreamEnd } from "./read-stream.ts";
import { renewStreamAfterMs } from "./renewal.ts";
import type { NodeStream, Replica } from "./replica.ts";

/** One stream to one replica, from its opening to its end, with which the replica is retired. */
export interface Subscription {
  readonly replica: Replica;
  /** Resolves with the first snapshot, or when the stream is over without one. Never rejects. */
  readonly opened: Promise<Opened>;
  /** Resolves when the stream is over. Never rejects. */
  readonly ended: Promise<StreamEnd>;
  /** Resolves when the token that opened it is about to expire; never where there is none. */
  readonly renewalDue: Promise<void>;
  /** Ends it: nothing of it is heard from then on, and the connection closes with its last question. */
  stop(): void;
}

export type Opened = { readonly kind: "in-sync" } | StreamEnd;

/** Then the replica is not retired: whoever opened the stream may ask it otherwise. */
export function lacksNodeService(end: Opened): boolean {
  return end.kind === "lost" && end.error.failure === "no-node-service";
}

export interface SubscriptionOptions {
  readonly replica: Replica;
  readonly onUpdate: (update: NodeUpdate, subscription: Subscription) => void;
  readonly clock: Clock;
  readonly random: () => number;
}

export function subscribe(
  { replica, onUpdate, clock, random }: SubscriptionOptions,
  signal: AbortSignal,
): Subscription {
  const stopped = new AbortController();
  const opened = Promise.withResolvers<Opened>();
  const due = Promise.withResolvers<void>();
  let dueTimer: Disposable | undefined;

  function hear(update: NodeUpdate, { provedUntilMs }: NodeStream): void {
    if (stopped.signal.aborted) {
      return;
    }
    onUpdate(update, subscription);
    if (update.kind === "snapshot") {
      opened.resolve({ kind: "in-sync" });
    }
    if (provedUntilMs !== undefined) {
      dueTimer ??= clock.after(renewStreamAfterMs(provedUntilMs, clock.now(), random()), due.resolve);
    }
  }

  async function run(): Promise<StreamEnd> {
    const end = await readStream({ replica, clock, onUpdate: hear }, AbortSignal.any([signal, stopped.signal]));
    dueTimer?.[Symbol.dispose]();
    if (!lacksNodeService(end)) {
      replica.retire();
    }
    opened.resolve(end);
    return end;
  }

  const subscription: Subscription = {
    replica,
    opened: opened.promise,
    ended: run(),
    renewalDue: due.promise,
    stop: () => stopped.abort(new Error("another stream has taken its place")),
  };
  return subscription;
}
