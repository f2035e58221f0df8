import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { goReleaseBucketsSeconds } from "../telemetry/buckets.ts";

export type ServerMetrics = ReturnType<typeof createServerMetrics>;

/** The server's own metrics: the Go release's names first, then what it did not have. Never a role, pod or namespace as label. */
export function createServerMetrics(registry: Registry) {
  const registers = [registry];
  const counter = (name: string, help: string) => new Counter({ name, help, registers });
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers });
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
    denials: new Counter({
      name: "kiam_policy_denials_total",
      help: "Requests and pods that policy denied, by kind of denial",
      labelNames: ["kind"] as const,
      registers,
    }),
    watchHeardSeconds: new Gauge({
      name: "kiam_k8s_watch_heard_timestamp_seconds",
      help: "When the API server was last heard, Unix time, by resource",
      labelNames: ["resource"] as const,
      registers,
    }),
    relists: new Counter({
      name: "kiam_k8s_lists_total",
      help: "Full lists taken from the API server, by resource",
      labelNames: ["resource"] as const,
      registers,
    }),
    unreadableObjects: new Counter({
      name: "kiam_k8s_unreadable_objects_total",
      help: "Objects from the API server that could not be read and were left out, by resource",
      labelNames: ["resource"] as const,
      registers,
    }),
    droppedPods: counter(
      "kiam_k8s_dropped_pods_total",
      "Kept for the Go release's dashboards: here no pod is ever dropped",
    ),
    events: new Counter({
      name: "kiam_k8s_events_total",
      help: "Events on pods, by what became of them: posted, unwanted, refused or dropped",
      labelNames: ["outcome"] as const,
      registers,
    }),
    pods: gauge("kiam_k8s_pods", "Live pods in the store"),
    nodeStreams: gauge("kiam_feed_streams", "Agents' node streams held"),
    feedMessages: counter("kiam_feed_messages_total", "Messages sent to agents"),
    agentCalls: new Counter({
      name: "kiam_agent_calls_total",
      help: "Calls by agents, by how their node was proved: certificate, token, unproven or refused",
      labelNames: ["proof"] as const,
      registers,
    }),
  };
}
