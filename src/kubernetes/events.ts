import type { PodEvent, PodEventOutcome, PostPodEvent } from "../domain/pod-event.ts";
import { rfc3339 } from "../domain/rfc3339.ts";
import type { Clock } from "../runtime/clock.ts";
import type { ApiConnection } from "./connection.ts";
import { type ApiFailure, describeFailure } from "./failure.ts";
import { numberAt } from "./raw-json.ts";
import { askForJson } from "./request.ts";

/** As the Go release's. */
const component = "kiam.server";

/** Nobody waits for an event. */
const longestMs = 10_000;

type Answer = Awaited<ReturnType<typeof askForJson>>;

/** Writes events on pods, core/v1: what `kubectl describe pod` shows. The account needs `create` and `patch` on events, and no more. */
export function createPostPodEvent(connection: ApiConnection, clock: Clock): PostPodEvent {
  const deps = { connection, clock };

  const create = (event: PodEvent, signal: AbortSignal) =>
    askForJson(deps, { path: collectionOf(event), body: objectOf(event), withinMs: longestMs }, signal);

  const patch = (event: PodEvent, change: object, signal: AbortSignal) => {
    const path = `${collectionOf(event)}/${encodeURIComponent(nameOf(event))}`;
    return askForJson(deps, { method: "PATCH", path, body: change, withinMs: longestMs }, signal);
  };

  /** Another replica has posted it, or this one before it was restarted: how often it happened is in the answer. */
  async function countOn(event: PodEvent, signal: AbortSignal): Promise<PodEventOutcome> {
    const touched = await patch(event, { lastTimestamp: rfc3339(event.lastAtMs) }, signal);
    if (touched.kind !== "json") {
      return outcomeOf(touched, event.count);
    }
    const count = numberAt(touched.json, "count") + event.count;
    return outcomeOf(await patch(event, { count }, signal), count);
  }

  async function post(event: PodEvent, signal: AbortSignal): Promise<PodEventOutcome> {
    const answer = await create(event, signal);
    return hasStatus(answer, 409) ? await countOn(event, signal) : outcomeOf(answer, event.count);
  }

  return async (event, known, signal) => {
    if (known === "new") {
      return await post(event, signal);
    }
    const { count, message, lastAtMs } = event;
    const answer = await patch(event, { count, message, lastTimestamp: rfc3339(lastAtMs) }, signal);
    // The API server drops events after a time, an hour by default.
    return hasStatus(answer, 404) ? await post(event, signal) : outcomeOf(answer, count);
  };
}

function collectionOf({ pod }: PodEvent): string {
  return `/api/v1/namespaces/${encodeURIComponent(pod.namespace)}/events`;
}

/** https://kubernetes.io/docs/concepts/overview/working-with-objects/names/: a DNS subdomain. */
const longestName = 253;

/** The pod's name, shortened where it must be to a name that ends as one may, and the event's own. */
function nameOf({ pod, id }: PodEvent): string {
  return `${pod.name.slice(0, longestName - id.length - 1).replace(/[.-]+$/, "")}.${id}`;
}

/** https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/ in the form of core/v1, as client-go writes it. */
function objectOf(event: PodEvent) {
  const { pod, reason, message, count, firstAtMs, lastAtMs } = event;
  const { name, namespace, uid, resourceVersion } = pod;
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: nameOf(event), namespace },
    involvedObject: { apiVersion: "v1", kind: "Pod", name, namespace, uid, resourceVersion },
    type: "Warning",
    reason,
    message,
    source: { component },
    reportingComponent: component,
    reportingInstance: "",
    firstTimestamp: rfc3339(firstAtMs),
    lastTimestamp: rfc3339(lastAtMs),
    count,
  };
}

function hasStatus(answer: Answer, status: number): boolean {
  return answer.kind === "refused" && answer.status === status;
}

function outcomeOf(answer: Answer, count: number): PodEventOutcome {
  return answer.kind === "json" ? { kind: "posted", count } : failureOutcome(answer);
}

function failureOutcome(failure: ApiFailure): PodEventOutcome {
  const reason = describeFailure(failure);
  if (failure.kind === "lost") {
    return { kind: "unavailable", reason, pauseMs: 0 };
  }
  const { status, message, retryAfterMs } = failure;
  if (status === 404 || (status === 403 && /is being terminated/.test(message))) {
    return { kind: "unwanted" };
  }
  const isPassing = status === 401 || status === 408 || status === 409 || status === 429 || status >= 500;
  return isPassing ? { kind: "unavailable", reason, pauseMs: retryAfterMs } : { kind: "refused", reason };
}
