import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { Denial } from "../domain/denial.ts";
import { goReleaseBucketsSeconds } from "../telemetry/buckets.ts";

export type ServerMetrics = ReturnType<typeof createServerMetrics>;

/** The server's own metrics: the Go release's names first, then what it did not have. Never a role, pod or namespace as label. */
export function createServerMetrics(registry: Registry) {
  const registers = [registry];
  const counter = (name: string, help: string) => new Counter({ name, help, registers });
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers });
  /** All its lines are there from the start: an increase from nothing is none to Prometheus. */
  const counterBy = <Label extends string, Value extends string>(
    name: string,
    help: string,
    label: Label,
    values: readonly Value[],
  ): { inc(labels: Readonly<Record<Label, Value>>): void } => {
    const counted = new Counter({ name, help, labelNames: [label], registers });
    for (const value of values) {
      counted.labels(value).inc(0);
    }
    return { inc: (labels) => counted.inc({ ...labels }) };
  };
  const watchHeardSeconds = new Gauge({
    name: "kiam_k8s_watch_heard_timestamp_seconds",
    help: "When the API server was last heard, Unix time, by resource; 0 before the first time",
    labelNames: ["resource"] as const,
    registers,
  });
  for (const resource of resources) {
    watchHeardSeconds.set({ resource }, 0);
  }
  return {
    cacheSize: gauge("kiam_sts_cacheSize", "Identities whose credentials are held"),
    cacheHits: counter("kiam_sts_cache_hit_total", "Requests for credentials that were held"),
    cacheMisses: counter("kiam_sts_cache_miss_total", "Requests for credentials that were not held"),
    issuingErrors: counter("kiam_sts_issuing_errors_total", "AssumeRole calls that gave no credentials"),
    assumeRoleSeconds: new Histogram({
      name: "kiam_sts_assumerole_timing_seconds",
      help: "How long AssumeRole calls took",
      buckets: [...goReleaseBucketsSeconds],
      registers,
    }),
    assumeRoleCurrent: gauge("kiam_sts_assumerole_current", "AssumeRole calls in flight"),
    renewals: counter("kiam_sts_renewals_total", "Credentials renewed ahead of their expiry"),
    rememberedRefusals: counter(
      "kiam_sts_remembered_refusals_total",
      "Requests answered from the memory of a recent refusal by STS",
    ),
    denials: counterBy(
      "kiam_policy_denials_total",
      "Requests that policy denied, and pods when it first did, by kind of denial",
      "kind",
      denialKinds,
    ),
    watchHeardSeconds,
    relists: counterBy(
      "kiam_k8s_lists_total",
      "Full lists taken from the API server, by resource",
      "resource",
      resources,
    ),
    unreadableObjects: counterBy(
      "kiam_k8s_unreadable_objects_total",
      "Objects from the API server that could not be read and were left out, by resource",
      "resource",
      resources,
    ),
    droppedPods: counter(
      "kiam_k8s_dropped_pods_total",
      "Kept for the Go release's dashboards: here no pod is ever dropped",
    ),
    events: counterBy(
      "kiam_k8s_events_total",
      "Events on pods, by what became of them: posted, unwanted (the namespace is going), refused or dropped",
      "outcome",
      ["posted", "unwanted", "refused", "dropped"],
    ),
    pods: gauge("kiam_k8s_pods", "Live pods in the store"),
    nodeStreams: gauge("kiam_feed_streams", "Agents' node streams held"),
    feedMessages: counter("kiam_feed_messages_total", "Messages sent to agents"),
    agentCalls: counterBy(
      "kiam_agent_calls_total",
      "Calls by agents, by how their node was proved: certificate, token, unproven or refused",
      "proof",
      ["certificate", "token", "unproven", "refused"],
    ),
  };
}

const resources = ["pods", "namespaces"] as const;

/** In an object, so that none can be left out. */
const denialKinds = Object.keys({
  "role-mismatch": true,
  "namespace-forbids": true,
  "malformed-pattern": true,
  "malformed-role": true,
  "mirror-pod": true,
  "servers-own-role": true,
} satisfies Readonly<Record<Denial["kind"], true>>) as readonly Denial["kind"][];
