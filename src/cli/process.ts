import { Registry } from "prom-client";
import type { Logger } from "../runtime/logger.ts";
import { type Probe, serveTelemetry } from "../telemetry/http.ts";
import { createLogger } from "../telemetry/log.ts";
import { registerProcessMetrics } from "../telemetry/process-metrics.ts";
import type { HostPort } from "./address-kinds.ts";
import type { CommandIo } from "./io.ts";

/** The log that the flags ask for, on standard error. */
export function loggerOf(
  flags: { readonly jsonLog: boolean; readonly level: "debug" | "info" | "warn" | "error" },
  io: CommandIo,
): Logger {
  return createLogger({
    format: flags.jsonLog ? "json" : "text",
    level: flags.level,
    write: io.stderr,
    clock: io.clock,
  });
}

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
