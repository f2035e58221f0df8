import { Counter, Gauge, type Registry } from "prom-client";
import { goReleaseBucketsSeconds } from "../telemetry/buckets.ts";
import { HotCounter, HotHistogram } from "./hot-metrics.ts";

/** The Go release's names for the routes. */
export type HandlerName = "roleName" | "credentials" | "health" | "proxy" | "token" | "ping" | "info";

export type AgentMetrics = ReturnType<typeof createAgentMetrics>;

const handlerLabel = ["handler"] as const;
const podHandlers = ["roleName", "credentials"] as const;

/** The agent's own metrics: the Go release's names first, then what it did not have. Never a role, pod or namespace as label. */
export function createAgentMetrics(registry: Registry) {
  const registers = [registry];
  /** Its lines are there from the start: an increase from nothing is none to Prometheus. */
  const byHandler = (name: string, help: string, handlers: readonly HandlerName[]) => {
    const counted = new Counter({ name, help, labelNames: handlerLabel, registers });
    for (const handler of handlers) {
      counted.labels(handler).inc(0);
    }
    return counted;
  };
  const counter = (name: string, help: string) => new Counter({ name, help, registers });
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers });
  return {
    handlerSeconds: new HotHistogram({
      name: "kiam_metadata_handler_latency_seconds",
      help: "How long requests took, by handler",
      labelNames: handlerLabel,
      buckets: [...goReleaseBucketsSeconds],
      registers,
    }),
    credentialFetchErrors: byHandler(
      "kiam_metadata_credential_fetch_errors_total",
      "Requests whose credentials could not be had",
      ["credentials"],
    ),
    credentialEncodeErrors: byHandler(
      "kiam_metadata_credential_encode_errors_total",
      "Credentials that could not be written as JSON",
      ["credentials"],
    ),
    findRoleErrors: byHandler("kiam_metadata_find_role_errors_total", "Requests whose pod was not found", podHandlers),
    emptyRole: byHandler("kiam_metadata_empty_role_total", "Requests of pods without a role", podHandlers),
    success: new HotCounter({
      name: "kiam_metadata_success_total",
      help: "Requests answered with what was asked for",
      labelNames: handlerLabel,
      registers,
    }),
    responses: new HotCounter({
      name: "kiam_metadata_responses_total",
      help: "Answers, by handler and HTTP status",
      labelNames: ["handler", "code"] as const,
      registers,
    }),
    proxyBlocked: counter("kiam_metadata_proxy_requests_blocked_total", "Requests for paths that are not forwarded"),
    localSeconds: new HotHistogram({
      name: "kiam_metadata_local_seconds",
      help: "How long requests took that were answered from the agent's own store",
      buckets: [0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.05],
      registers,
    }),
    lookups: counter("kiam_agent_lookups_total", "Requests that the store could not answer, asked of a server"),
    connectionsCutByReuse: counter(
      "kiam_agent_reused_address_connections_closed_total",
      "Connections closed because their address went to another pod",
    ),
    storePods: gauge("kiam_agent_store_pods", "Pods in the agent's store"),
    storeIdentities: gauge("kiam_agent_store_identities", "Identities in the agent's store whose credentials are held"),
    feedConnected: gauge("kiam_agent_feed_connected", "1 while a server's stream is open and in sync, else 0"),
    feedHeardSeconds: gauge("kiam_agent_feed_heard_timestamp_seconds", "When a server was last heard, Unix time"),
    goServerInUse: gauge(
      "kiam_agent_go_server_in_use",
      "1 while pods are served by a server without the node service (the Go release), which is asked at each request, else 0",
    ),
    feedStreams: counter("kiam_agent_feed_streams_total", "Streams opened to servers"),
    redirectRepairs: counter("kiam_agent_redirect_repairs_total", "Times the redirect was found missing and put back"),
  };
}
