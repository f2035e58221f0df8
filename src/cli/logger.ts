import type { Logger } from "../runtime/logger.ts";
import { createLogger } from "../telemetry/log.ts";
import type { logFlags } from "./common-flags.ts";
import type { FlagValues } from "./flag-table.ts";
import type { CommandIo } from "./io.ts";

/** The log that the flags ask for, on standard error. It begins with what there is to say of the flags themselves. */
export function loggerOf(flags: FlagValues<typeof logFlags>, io: Pick<CommandIo, "stderr" | "clock">): Logger {
  const logger = createLogger({
    format: flags.jsonLog ? "json" : "text",
    level: flags.level,
    write: io.stderr,
    clock: io.clock,
  });
  for (const warning of flags.warnings) {
    logger.warn(warning);
  }
  return logger;
}
