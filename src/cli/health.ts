import { formatHostPort } from "../domain/host-port.ts";
import { type AskHealth, checkHealth } from "./health-check.ts";
import { openHealthAsker } from "./health-client.ts";
import type { HealthFlags } from "./health-flags.ts";
import type { CommandIo } from "./io.ts";
import { loggerOf } from "./logger.ts";
import { resolveHost } from "./resolve-host.ts";

/** Asks a server whether it is well; one line says the outcome. Exit code 0 or 1; 2 where the certificate can't be used. */
export async function runHealth(flags: HealthFlags, io: CommandIo): Promise<number> {
  loggerOf(flags, io);
  const opened = await openHealthAsker(flags, { clock: io.clock, resolve: resolveHost });
  if (opened.kind === "problem") {
    io.stderr(`kiam health: ${opened.problem}\n`);
    return 2;
  }
  return reportHealth(opened.ask, flags, io);
}

/** {@link runHealth} on any way to ask. */
export async function reportHealth(
  ask: AskHealth,
  flags: Pick<HealthFlags, "serverAddress" | "timeoutMs">,
  io: Pick<CommandIo, "stdout" | "stderr" | "clock" | "signal">,
): Promise<number> {
  const answer = await checkHealth(ask, flags.timeoutMs, io.clock, io.signal);
  const { host, port } = flags.serverAddress;
  switch (answer.kind) {
    case "ok":
      io.stdout(`healthy: ${JSON.stringify(answer.message)}\n`);
      return 0;
    case "failed":
      io.stderr(`kiam health: ${formatHostPort(host, port)} is not healthy: ${answer.reason}\n`);
      return 1;
    default:
      return answer satisfies never;
  }
}
