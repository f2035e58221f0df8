import { Registry } from "prom-client";
import { type Probe, serveTelemetry } from "../telemetry/http.ts";
import { registerProcessMetrics } from "../telemetry/process-metrics.ts";
import type { HostPort } from "./address-kinds.ts";
import type { CommandIo } from "./io.ts";

/** A registry with what each kiam process tells of itself. */
export function createRegistry(io: CommandIo): Registry {
  const registry = new Registry();
  registerProcessMetrics(registry, io.build);
  return registry;
}

/** The telemetry listener where the flags ask for one. @throws TelemetryError where it can't listen there */
export async function serveTelemetryAt(
  listen: HostPort | undefined,
  registry: Registry,
  ready: Probe,
  io: CommandIo,
): Promise<AsyncDisposable | undefined> {
  // A process that can answer at all is one that a restart would not help.
  const healthy: Probe = () => undefined;
  return listen === undefined ? undefined : serveTelemetry({ listen, registry, ready, healthy, clock: io.clock });
}
