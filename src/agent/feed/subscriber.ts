import type { NodeUpdate } from "../../domain/node-pod.ts";
import { backoffMs } from "../../runtime/backoff.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Listeners } from "../../runtime/listeners.ts";
import type { Logger } from "../../runtime/logger.ts";
import { reasonOf } from "../../runtime/logger.ts";
import type { AskServer } from "../credentials/ask.ts";
import type { CredentialStore } from "../credentials/store.ts";
import type { AgentMetrics } from "../metrics.ts";
import { createReplicaAsker } from "./ask-replicas.ts";
import type { StreamEnd } from "./read-stream.ts";
import { type OpenReplica, ReplicaError } from "./replica.ts";
import { createReplicaChoice } from "./replica-choice.ts";
import { createFeedReport } from "./report.ts";
import { type Subscription, subscribe } from "./subscription.ts";
import { createWake, type Wake } from "./wake.ts";

/** This agent's link to the servers. */
export interface Feed {
  /** Whether a stream is open and in sync. */
  readonly isConnected: boolean;
  readonly ask: AskServer;
  /** Keeps the store fed by one replica after another until the signal is aborted. Nothing that servers do ends it. */
  follow(signal: AbortSignal): Promise<void>;
}

export interface FeedOptions {
  readonly store: Pick<CredentialStore, "apply">;
  readonly openReplica: OpenReplica;
  /** The addresses of all replicas, as DNS names them now. */
  readonly resolve: () => Promise<readonly string[]>;
  /** Told when there are other certificates to connect with. */
  readonly tlsChanges: Pick<Listeners<unknown>, "add">;
  readonly metrics: Pick<AgentMetrics, "feedConnected" | "feedHeardSeconds" | "feedStreams">;
  readonly log: Pick<Logger, "debug" | "info" | "warn">;
  readonly clock: Clock;
  readonly random: () => number;
}

/** The first retry is at once, for a replica that was replaced; a thousand agents come back over the longest. */
const retries = { firstMs: 100, longestMs: 15_000 } as const;

/** A stream that lasted so long was a good one: what follows it is a first retry. */
const goodStreamMs = 15_000;

export function createFeed(options: FeedOptions): Feed {
  const { store, openReplica, tlsChanges, metrics, log, clock, random } = options;
  const choice = createReplicaChoice(options);
  const report = createFeedReport(log);
  const asker = createReplicaAsker({ current: () => current?.replica, choice, openReplica });
  /** The stream that the store is fed by. */
  let current: Subscription | undefined;

  /** A stream takes over with its snapshot; until then the one before goes on. */
  function hear(update: NodeUpdate, subscription: Subscription): void {
    if (update.kind === "snapshot" && subscription !== current) {
      current?.stop();
      current = subscription;
      choice.serves(subscription.replica.address);
      asker.release();
      metrics.feedConnected.set(1);
      report.connected(subscription.replica.address, update.nodeName);
    }
    metrics.feedHeardSeconds.set(clock.now() / 1_000);
    store.apply(update);
  }

  function leave(subscription: Subscription, end: StreamEnd): void {
    if (current === subscription) {
      current = undefined;
      metrics.feedConnected.set(0);
    }
    if (end.kind === "lost") {
      report.failed(end.error);
    }
  }

  function open(address: string, signal: AbortSignal): Subscription {
    const replica = openReplica(address);
    metrics.feedStreams.inc();
    const subscription = subscribe({ replica, onUpdate: hear, clock, random }, signal);
    void subscription.ended.then((end) => leave(subscription, end));
    return subscription;
  }

  /** Resolves to `undefined` where the replica did not serve; why has been reported. */
  async function openNext(preferred: string | undefined, signal: AbortSignal): Promise<Subscription | undefined> {
    try {
      const subscription = open(await choice.next(preferred, signal), signal);
      return (await subscription.opened).kind === "in-sync" ? subscription : undefined;
    } catch (error) {
      signal.throwIfAborted();
      report.failed(
        error instanceof ReplicaError ? error : new ReplicaError("broken", reasonOf(error), { cause: error }),
      );
      return undefined;
    }
  }

  /** Waits before the next try; less long where the last stream that serves is lost meanwhile. */
  async function pause(attempt: number, wake: Wake, signal: AbortSignal): Promise<void> {
    const sleeping = clock.sleep(backoffMs(attempt, retries, random()), signal);
    await wake.by(current === undefined ? [sleeping] : [sleeping, current.ended], signal);
  }

  async function follow(signal: AbortSignal): Promise<void> {
    using wake = createWake(tlsChanges);
    let attempt = 0;
    let preferred: string | undefined;
    for (;;) {
      const openedAtMs = clock.now();
      wake.reset();
      const subscription = await openNext(preferred, signal);
      if (subscription !== undefined) {
        await wake.by([subscription.ended, subscription.renewalDue], signal);
        attempt = clock.now() - openedAtMs < goodStreamMs ? attempt : 0;
      }
      if (subscription !== undefined && current === subscription) {
        preferred = subscription.replica.address; // It goes on until its successor is in sync.
      } else {
        preferred = undefined;
        await pause(attempt, wake, signal);
        attempt += 1;
      }
    }
  }

  return {
    get isConnected() {
      return current !== undefined;
    },
    ask: asker.ask,
    async follow(signal) {
      try {
        await follow(signal);
      } catch (error) {
        if (!signal.aborted) {
          throw error;
        }
      } finally {
        asker.release();
        await current?.ended;
      }
    },
  };
}
