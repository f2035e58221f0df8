import { createHash } from "node:crypto";
import type { Pod } from "../../domain/pod.ts";
import type { PodEventReason } from "../../domain/pod-event.ts";
import type { Clock } from "../../runtime/clock.ts";
import { createRecentMap } from "../../runtime/recent-map.ts";
import type { PodEventText } from "./text.ts";

/** One event of a pod, and how much of it the API server knows. */
export interface Entry {
  /** The pod as it was when it happened last. */
  pod: Pod;
  readonly reason: PodEventReason;
  readonly id: string;
  message: string;
  readonly firstAtMs: number;
  lastAtMs: number;
  /** The count that the API server has; 0 before the event is posted. */
  told: number;
  untold: number;
  /** Before that it is not told again. */
  quietUntilMs: number;
  /** Tries in a row that brought no answer. */
  failures: number;
}

/** What has happened to pods lately: the same to the same pod is one entry. */
export interface EventHistory {
  entryOf(pod: Pod, text: PodEventText): Entry;
}

interface Subject {
  readonly sinceMs: number;
  readonly byMessage: Map<string, Entry>;
}

/** More than a cluster has pods in trouble; of one that is forgotten the API server says how often it happened. */
const mostSubjects = 2_048;

/** So many different messages of one pod and reason, and the rest are one event: whoever asks can ask for anything. */
const mostMessages = 5;

/** After that long messages count anew; the API server's own memory of events is as long by default. */
const freshAfterMs = 3_600_000;

const combined = "(combined from similar events): ";

export function createEventHistory(clock: Pick<Clock, "now">): EventHistory {
  const subjects = createRecentMap<string, Subject>(mostSubjects);

  function subjectOf(pod: Pod, reason: PodEventReason): Subject {
    const key = `${pod.uid} ${reason}`;
    const known = subjects.get(key);
    if (known !== undefined && clock.now() - known.sinceMs < freshAfterMs) {
      return known;
    }
    const subject: Subject = { sinceMs: clock.now(), byMessage: new Map() };
    subjects.set(key, subject);
    return subject;
  }

  return {
    entryOf(pod, { reason, message }) {
      const { byMessage } = subjectOf(pod, reason);
      const isOneMore = !byMessage.has(message) && byMessage.size >= mostMessages;
      const kind = isOneMore ? combined : message;
      const entry = byMessage.get(kind) ?? newEntry(pod, reason, kind, clock.now());
      byMessage.set(kind, entry);
      entry.pod = pod;
      entry.message = isOneMore ? combined + message : message;
      return entry;
    },
  };
}

function newEntry(pod: Pod, reason: PodEventReason, kind: string, nowMs: number): Entry {
  const digest = createHash("sha256").update(JSON.stringify([pod.uid, reason, kind]));
  return {
    pod,
    reason,
    id: digest.digest("hex").slice(0, 16),
    message: "",
    firstAtMs: nowMs,
    lastAtMs: Number.NEGATIVE_INFINITY,
    told: 0,
    untold: 0,
    quietUntilMs: Number.NEGATIVE_INFINITY,
    failures: 0,
  };
}
