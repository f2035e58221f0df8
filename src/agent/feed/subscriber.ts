import type { NodeUpdate } from "../../domain/node-pod.ts";
import { backoffMs } from "../../runtime/backoff.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Listeners } from "../../runtime/listeners.ts";
import type { Logger } from "../../runtime/logger.ts";
import { reasonOf } from "../../runtime/logger.ts";
import type { AskServer } from "../credentials/ask.ts";
import type { GoServers } from "../credentials/go-servers.ts";
import type { CredentialStore } from "../credentials/store.ts";
import type { AgentMetrics } from "../metrics.ts";
import { createReplicaAsker } from "./ask-replicas.ts";
import { createGoFleet } from "./go-fleet.ts";
import type { StreamEnd } from "./read-stream.ts";
import { type OpenReplica, type Replica, ReplicaError } from "./replica.ts";
import { createReplicaChoice } from "./replica-choice.ts";
import { createFeedReport } from "./report.ts";
import { lacksNodeService, type Subscription, subscribe } from "./subscription.ts";
import { createWake, type Wake } from "./wake.ts";

/** This agent's link to the servers. */
export interface Feed {
  /** Whether a stream is open and in sync. */
  readonly isConnected: boolean;
  readonly ask: AskServer;
  /** Who serves pods while no stream is open and servers of the Go release are there. */
  readonly goServers: GoServers;
  /** Keeps the store fed by one replica after another until the signal is aborted. Nothing that servers do ends it. */
  follow(signal: AbortSignal): Promise<void>;
}

export interface FeedOptions {
  readonly store: Pick<CredentialStore, "apply" | "setAside" | "forget">;
  readonly openReplica: OpenReplica;
  /** The addresses of all replicas, as DNS names them now. */
  readonly resolve: () => Promise<readonly string[]>;
  /** Told when there are other certificates to connect with. */
  readonly tlsChanges: Pick<Listeners<unknown>, "add">;
  readonly metrics: Pick<AgentMetrics, "feedConnected" | "feedHeardSeconds" | "feedStreams" | "goServerInUse">;
  readonly log: Pick<Logger, "debug" | "info" | "warn">;
  readonly clock: Clock;
  readonly random: () => number;
}

/** The first retry is at once, for a replica that was replaced; a thousand agents come back over the longest. */
const retries = { firstMs: 100, longestMs: 15_000 } as const;

/** How often DNS is asked for servers that are new while a Go server serves, give or take a quarter. */
const lookAroundMs = 5_000;
const lookingRetries = { firstMs: 100, longestMs: lookAroundMs } as const;

/** A stream that lasted so long was a good one. */
const goodStreamMs = 15_000;

/** How many of the connections that are old lead to another replica: in some hours new ones get their share of the agents. */
const partThatMoves = 1 / 8;

/** What came of trying the next replica. */
type Opening =
  | { readonly kind: "in-sync"; readonly subscription: Subscription }
  /** It has no node service; where no stream is open, it serves. */
  | { readonly kind: "go-server" }
  /** While a Go server serves: none that DNS names is left to be asked for the node service. */
  | { readonly kind: "all-asked" }
  | { readonly kind: "failed" };

export function createFeed(options: FeedOptions): Feed {
  const { store, openReplica, tlsChanges, metrics, log, clock, random } = options;
  const choice = createReplicaChoice(options);
  const report = createFeedReport(log);
  const asker = createReplicaAsker({ current: () => current?.replica, choice, openReplica });
  let heardAtMs = 0;
  const goFleet = createGoFleet({ store, heardAtMs: () => heardAtMs, metrics, clock });
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
    heardAtMs = clock.now();
    metrics.feedHeardSeconds.set(heardAtMs / 1_000);
    store.apply(update);
    goFleet.leave(); // Not before: until it has the snapshot the store does not know whose addresses are.
  }

  function leave(subscription: Subscription, end: StreamEnd): void {
    if (current === subscription) {
      current = undefined;
      metrics.feedConnected.set(0);
    }
    if (end.kind === "lost") {
      if (lacksNodeService(end)) {
        fallBack(subscription.replica, end.error);
      } else {
        report.failed(end.error);
      }
    }
  }

  /** A Go server is better than none. */
  function fallBack(replica: Replica, why: ReplicaError): void {
    choice.lacksNodeService(replica.address);
    if (current === undefined) {
      goFleet.use(replica);
      asker.release();
      report.servedByGo(replica.address, why);
    } else {
      replica.retire();
      report.failed(why);
    }
  }

  function open(address: string, signal: AbortSignal): Subscription {
    const replica = openReplica(address);
    metrics.feedStreams.inc();
    const subscription = subscribe({ replica, onUpdate: hear, clock, random }, signal);
    void subscription.ended.then((end) => leave(subscription, end));
    return subscription;
  }

  /** Why a replica did not serve has been reported. */
  async function openNext(preferred: string | undefined, signal: AbortSignal): Promise<Opening> {
    try {
      const address = goFleet.inUse ? await choice.nextUnasked(signal) : await choice.next(preferred, signal);
      if (address === undefined) {
        return { kind: "all-asked" };
      }
      const subscription = open(address, signal);
      const opened = await subscription.opened;
      if (opened.kind === "in-sync") {
        return { kind: "in-sync", subscription };
      }
      return { kind: lacksNodeService(opened) ? "go-server" : "failed" };
    } catch (error) {
      signal.throwIfAborted();
      report.failed(
        error instanceof ReplicaError ? error : new ReplicaError("broken", reasonOf(error), { cause: error }),
      );
      return { kind: "failed" };
    }
  }

  /** Waits before the next try; less long where who serves is lost meanwhile. */
  async function pause(ms: number, wake: Wake, signal: AbortSignal): Promise<void> {
    const sleeping = clock.sleep(ms, signal);
    await wake.by(current === undefined ? [sleeping] : [sleeping, current.ended], signal);
  }

  /**
   * Resolves when it is time for another stream. Where that is for a newer token, to the replica whose stream goes on until
   * that one is in sync; where the replica sends this agent away its stream goes on for some time too. On account of its
   * connection's age alone this agent mostly comes back: another replica would have to fetch what this one holds.
   */
  async function stay(subscription: Subscription, wake: Wake, signal: AbortSignal): Promise<string | undefined> {
    const { replica, ended, renewalDue } = subscription;
    const beganMs = clock.now();
    let isLeaving = false;
    const sentAway = replica.sentAway.then((why) => {
      const isGoodStream = clock.now() - beganMs >= goodStreamMs;
      isLeaving = why === "server-stops" || !isGoodStream || random() < partThatMoves;
    });
    await wake.by([ended, renewalDue, sentAway], signal);
    return current === subscription && !isLeaving ? replica.address : undefined;
  }

  async function follow(signal: AbortSignal): Promise<void> {
    using wake = createWake(tlsChanges, goFleet.losses);
    using _losses = goFleet.losses.add(choice.askAnew);
    let attempt = 0;
    let preferred: string | undefined;
    for (;;) {
      const openedAtMs = clock.now();
      wake.reset();
      const opening = await openNext(preferred, signal);
      preferred = opening.kind === "in-sync" ? await stay(opening.subscription, wake, signal) : undefined;
      attempt = isGood(opening, clock.now() - openedAtMs) ? 0 : attempt;
      if (preferred === undefined && !isOthersTurn(opening)) {
        await pause(pauseMs(opening, attempt), wake, signal);
        attempt += 1;
      }
    }
  }

  function pauseMs({ kind }: Opening, attempt: number): number {
    return kind === "all-asked"
      ? lookAroundMs * (0.75 + random() / 2)
      : backoffMs(attempt, goFleet.inUse ? lookingRetries : retries, random());
  }

  /** While a Go server serves the others are asked one after the other whether they have the node service. */
  function isOthersTurn({ kind }: Opening): boolean {
    return kind === "go-server" && goFleet.inUse;
  }

  return {
    get isConnected() {
      return current !== undefined;
    },
    ask: asker.ask,
    goServers: goFleet,
    async follow(signal) {
      try {
        await follow(signal);
      } catch (error) {
        if (!signal.aborted) {
          throw error;
        }
      } finally {
        asker.release();
        goFleet.leave();
        await current?.ended;
      }
    },
  };
}

/** What follows it is a first retry. @param lastedMs how long the stream lasted, where there was one */
function isGood({ kind }: Opening, lastedMs: number): boolean {
  return kind === "all-asked" || (kind === "in-sync" && lastedMs >= goodStreamMs);
}
