import { expect, test } from "bun:test";
import { Registry } from "prom-client";
import { registerProcessMetrics } from "../../../src/telemetry/process-metrics.ts";

test("a process tells its CPU, memory, descriptors, lag and build, and nothing that Bun leaves empty", async () => {
  const registry = new Registry();

  registerProcessMetrics(registry, { version: "1.2.3", commit: "0123abc", bun: "1.0.0" });
  await registry.metrics();
  const text = await registry.metrics();

  expect(text).toContain('kiam_build_info{version="1.2.3",commit="0123abc",bun="1.0.0"} 1\n');
  for (const name of [
    "process_cpu_seconds_total",
    "process_start_time_seconds",
    "process_resident_memory_bytes",
    "process_open_fds",
    "process_max_fds",
    "nodejs_heap_size_used_bytes",
  ]) {
    expect([name, Number(new RegExp(`^${name} (.+)$`, "m").exec(text)?.[1])]).toEqual([name, expect.any(Number)]);
    expect(text).not.toMatch(new RegExp(`^${name} 0$`, "m"));
  }
  expect(text).toContain("nodejs_eventloop_lag_p99_seconds ");
  expect(text).not.toMatch(/nodejs_(gc|active|version)|process_virtual/);
});

test("two registries in one process don't disturb each other", () => {
  const registries = [new Registry(), new Registry()];

  for (const registry of registries) {
    registerProcessMetrics(registry, { version: "", commit: "", bun: "" });
  }

  expect(registries[0]?.getSingleMetric("kiam_build_info")).not.toBe(registries[1]?.getSingleMetric("kiam_build_info"));
});
