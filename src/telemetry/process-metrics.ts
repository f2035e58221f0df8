import { collectDefaultMetrics, Gauge, Registry } from "prom-client";

/** Of prom-client's defaults those that mean something under Bun; the rest is constant, empty, or counts reserved memory. */
const meaningful: readonly string[] = [
  "process_cpu_user_seconds_total",
  "process_cpu_system_seconds_total",
  "process_cpu_seconds_total",
  "process_start_time_seconds",
  "process_resident_memory_bytes",
  "process_open_fds",
  "process_max_fds",
  "nodejs_eventloop_lag_seconds",
  "nodejs_eventloop_lag_mean_seconds",
  "nodejs_eventloop_lag_p50_seconds",
  "nodejs_eventloop_lag_p99_seconds",
  "nodejs_eventloop_lag_max_seconds",
  "nodejs_heap_size_total_bytes",
  "nodejs_heap_size_used_bytes",
];

export interface Build {
  readonly version: string;
  readonly commit: string;
  /** Bun's version. */
  readonly bun: string;
}

/** Adds what every kiam process tells about itself. */
export function registerProcessMetrics(registry: Registry, build: Build): void {
  const all = new Registry();
  collectDefaultMetrics({ register: all, eventLoopMonitoringPrecision: 100 });
  for (const name of meaningful) {
    const metric = all.getSingleMetric(name);
    if (metric !== undefined) {
      registry.registerMetric(metric);
    }
  }
  new Gauge({
    name: "kiam_build_info",
    help: "1, with what this program was built from",
    labelNames: ["version", "commit", "bun"] as const,
    registers: [registry],
  }).set({ ...build }, 1);
}
