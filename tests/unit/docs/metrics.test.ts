import { expect, test } from "bun:test";
import { Registry } from "prom-client";
import { createAgentMetrics } from "../../../src/agent/metrics.ts";
import { createTlsMetrics } from "../../../src/cli/tls-metrics.ts";
import { countCalls } from "../../../src/rpc/metrics.ts";
import { createServerMetrics } from "../../../src/server/metrics.ts";
import { registerProcessMetrics } from "../../../src/telemetry/process-metrics.ts";
import { readMetricsTable, servedBy } from "../../fixtures/metrics-table.ts";

const rows = await readMetricsTable();

/** As the composition roots fill it. */
function registryOf(process: "agent" | "server"): Registry {
  const registry = new Registry();
  registerProcessMetrics(registry, { version: "", commit: "", bun: "" });
  if (process === "server") {
    createServerMetrics(registry);
  } else {
    createAgentMetrics(registry);
  }
  const side = process === "server" ? "server" : "client";
  createTlsMetrics(side, registry);
  countCalls(side, registry);
  return registry;
}

const line = ({ name, type, labels }: { name: string; type: string; labels: readonly string[] }) =>
  `${type} ${name}{${[...labels].sort().join()}}`;

test.each(["agent", "server"] as const)(
  "the table tells of all that an %s serves, and of nothing else",
  async (process) => {
    const registry = registryOf(process);

    const found = await Promise.all(
      registry.getMetricsAsArray().map(async (metric) => ({
        name: metric.name,
        type: String((await registry.getSingleMetric(metric.name)?.get())?.type),
        labels: "labelNames" in metric && Array.isArray(metric.labelNames) ? metric.labelNames : [],
      })),
    );

    expect(found.map(line).sort()).toEqual(servedBy(rows, process).map(line).sort());
  },
);

test("no metric is there twice, and each is said to be an agent's, a server's or both's", () => {
  const names = rows.map(({ name }) => name);

  expect(new Set(names).size).toBe(names.length);
  expect(new Set(rows.map(({ of }) => of))).toEqual(new Set(["agent", "server", "both"]));
});

test("what the Go release's dashboard and docs name is kept", () => {
  const handler = ["handler"];
  const call = ["grpc_type", "grpc_service", "grpc_method"];
  const side = (name: "server" | "client") => [
    ...["started", "msg_received", "msg_sent"].map((what) => ["counter", `grpc_${name}_${what}_total`, call]),
    ["counter", `grpc_${name}_handled_total`, [...call, "grpc_code"]],
    ...["expiry_seconds", "update_error", "verify_error"].map((what) => [
      "gauge",
      `grpc_${name}_tls_certificate_${what}`,
      [],
    ]),
  ];

  const kept = rows.filter(({ isKept, name }) => isKept && !name.startsWith("process_"));

  expect(kept.map(({ type, name, labels }) => [type, name, labels]).sort()).toEqual(
    [
      ["histogram", "kiam_metadata_handler_latency_seconds", handler],
      ["counter", "kiam_metadata_credential_fetch_errors_total", handler],
      ["counter", "kiam_metadata_credential_encode_errors_total", handler],
      ["counter", "kiam_metadata_find_role_errors_total", handler],
      ["counter", "kiam_metadata_empty_role_total", handler],
      ["counter", "kiam_metadata_success_total", handler],
      ["counter", "kiam_metadata_responses_total", ["handler", "code"]],
      ["counter", "kiam_metadata_proxy_requests_blocked_total", []],
      ["gauge", "kiam_sts_cacheSize", []],
      ["counter", "kiam_sts_cache_hit_total", []],
      ["counter", "kiam_sts_cache_miss_total", []],
      ["counter", "kiam_sts_issuing_errors_total", []],
      ["histogram", "kiam_sts_assumerole_timing_seconds", []],
      ["gauge", "kiam_sts_assumerole_current", []],
      ["counter", "kiam_k8s_dropped_pods_total", []],
      ...side("server"),
      ...side("client"),
    ].sort() as never,
  );
});

test.each([
  ["agent", "kiam_metadata_handler_latency_seconds"],
  ["server", "kiam_sts_assumerole_timing_seconds"],
] as const)("the %s's %s has the Go release's thirteen buckets", async (process, name) => {
  const registry = registryOf(process);
  const metric = registry.getSingleMetric(name);
  if (metric !== undefined && "series" in metric && metric.series instanceof Function) {
    metric.series({ handler: "health" }).observe(0);
  }

  const bounds = [...(await registry.getSingleMetricAsString(name)).matchAll(/le="([^"]+)"/g)].map(
    ([, bound]) => bound,
  );

  expect(bounds).toEqual([
    ...["0.001", "0.002", "0.004", "0.008", "0.016", "0.032", "0.064"],
    ...["0.128", "0.256", "0.512", "1.024", "2.048", "4.096", "+Inf"],
  ]);
});
