import type { Pod } from "../../domain/pod.ts";
import type { PodEventOutcome, PostPodEvent } from "../../domain/pod-event.ts";
import { untilAborted } from "../../runtime/abort.ts";
import { backoffMs } from "../../runtime/backoff.ts";
import type { Clock } from "../../runtime/clock.ts";
import { digestOf } from "../../runtime/digest.ts";
import { createFairQueue } from "../../runtime/fair-queue.ts";
import type { Logger } from "../../runtime/logger.ts";
import { createRecentMap } from "../../runtime/recent-map.ts";
import type { ServerMetrics } from "../metrics.ts";
import { createEventHistory, type Entry } from "./history.ts";
import type { PodEventText } from "./text.ts";

/** Tells people on their pods why these get no credentials. Nobody waits for it, and it never fails. */
export interface PodEvents {
  /** The pod has asked, and this is why it got nothing. */
  happened(pod: Pod, text: PodEventText): void;
  /** This is why the pod would get nothing; the same again says nothing new, for half an hour. */
  stands(pod: Pod, text: PodEventText): void;
  /** Posts until aborted. */
  run(signal: AbortSignal): Promise<void>;
}

export interface PodEventsDeps {
  readonly post: PostPodEvent;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly logger: Pick<Logger, "warn">;
  readonly metrics: Pick<ServerMetrics, "events">;
}

/** Ten writes a second from a replica at most, whatever happens to how many pods. */
const gapMs = 100;

/** What goes on happening to a pod is told once in so long. */
const quietMs = 60_000;

/** Less than the hour after which the API server drops an event, by default. */
const standsForMs = 1_800_000;

/** All pods are looked at again each minute (`--sync`): all that may be in trouble at once, in a large cluster. */
const mostStanding = 65_536;

/** Of one namespace; more are dropped and counted. */
const mostWaiting = 200;

const mostTries = 3;
const retry = { firstMs: 1_000, longestMs: 60_000 } as const;

export function createPodEvents({ post, clock, random, logger, metrics }: PodEventsDeps): PodEvents {
  const history = createEventHistory(clock);
  /** What stands, by pod and reason, and until when it need not be said again. Pods come and go: messages by their digests. */
  const standing = createRecentMap<string, { readonly digest: string; readonly untilMs: number }>(mostStanding);
  const waiting = createFairQueue<Entry>();
  let wake = Promise.withResolvers<void>();
  let lastProblem: string | undefined;
  /** Tries in a row without an answer, of whatever event. */
  let silences = 0;

  /** Whether it will be told, or has been told a moment ago. */
  function note(entry: Entry): boolean {
    entry.lastAtMs = clock.now();
    entry.untold += 1;
    return entry.lastAtMs < entry.quietUntilMs || queue(entry);
  }

  function queue(entry: Entry): boolean {
    const { namespace } = entry.pod;
    if (!waiting.has(entry) && waiting.waitingFor(namespace) >= mostWaiting) {
      metrics.events.inc({ outcome: "dropped" });
      return false;
    }
    waiting.add(entry, [namespace]);
    wake.resolve();
    return true;
  }

  function stands(pod: Pod, text: PodEventText): void {
    const [key, nowMs] = [`${pod.uid} ${text.reason}`, clock.now()];
    const digest = digestOf(text.message);
    const said = standing.get(key);
    if (said !== undefined && said.digest === digest && nowMs < said.untilMs) {
      return;
    }
    const entry = history.entryOf(pod, text);
    if (note(entry)) {
      standing.set(key, { digest, untilMs: nowMs + standsForMs });
    } else {
      entry.untold -= 1; // It goes on standing, and is looked at again.
    }
  }

  async function next(signal: AbortSignal): Promise<Entry> {
    for (;;) {
      const entry = waiting.take();
      if (entry !== undefined) {
        return entry;
      }
      wake = Promise.withResolvers();
      await untilAborted(wake.promise, signal);
    }
  }

  /** Posts one, and answers how long to wait before the next. */
  async function tell(entry: Entry, signal: AbortSignal): Promise<number> {
    const { pod, reason, id, message, firstAtMs, lastAtMs, told, untold } = entry;
    const event = { pod, reason, id, message, firstAtMs, lastAtMs, count: told + untold };
    const outcome = await post(event, told === 0 ? "new" : "counted", signal);
    if (outcome.kind === "unavailable") {
      return putOff(entry, outcome);
    }
    silences = 0;
    settle(entry, untold, outcome);
    return gapMs;
  }

  function settle(entry: Entry, sent: number, outcome: Exclude<PodEventOutcome, { kind: "unavailable" }>): void {
    entry.failures = 0;
    entry.untold -= sent;
    entry.quietUntilMs = clock.now() + quietMs;
    metrics.events.inc({ outcome: outcome.kind });
    switch (outcome.kind) {
      case "posted":
        entry.told = outcome.count;
        lastProblem = undefined;
        break;
      case "refused":
        report(outcome.reason);
        break;
      case "unwanted":
        break;
      default:
        outcome satisfies never;
    }
  }

  function putOff(entry: Entry, { reason, pauseMs }: Extract<PodEventOutcome, { kind: "unavailable" }>): number {
    report(reason);
    silences += 1;
    entry.failures += 1;
    if (entry.failures < mostTries) {
      queue(entry);
    } else {
      entry.failures = 0;
      metrics.events.inc({ outcome: "dropped" });
    }
    return Math.max(pauseMs, backoffMs(silences - 1, retry, random()));
  }

  /** Once: an API server that is away, or a missing right, is not news each time. */
  function report(problem: string): void {
    if (lastProblem === undefined) {
      logger.warn(`can't write events on pods: ${problem}`);
    }
    lastProblem = problem;
  }

  return {
    happened: (pod, text) => void note(history.entryOf(pod, text)),
    stands,
    async run(signal) {
      while (!signal.aborted) {
        const entry = await next(signal);
        await clock.sleep(await tell(entry, signal), signal);
      }
    },
  };
}
