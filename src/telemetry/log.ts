import { createConsola, LogLevels } from "consola/core";
import type { Clock } from "../runtime/clock.ts";
import type { LogFields, Logger } from "../runtime/logger.ts";
import { formatJson, formatText, type WrittenLevel } from "./log-line.ts";

export interface LoggerOptions {
  /** JSON, else text. */
  readonly format: "json" | "text";
  /** The least severe level that is written. */
  readonly level: keyof Logger;
  /** Takes whole lines with their ends. */
  readonly write: (text: string) => void;
  readonly clock: Pick<Clock, "now">;
}

/** Writes structured logs, a line a record: nothing in a message or a field can end the line or pass for another key. */
export function createLogger({ format, level, write, clock }: LoggerOptions): Logger {
  const toLine = format === "json" ? formatJson : formatText;
  const consola = createConsola({
    level: LogLevels[level],
    // By default repeated records are held back for a second and folded; every audit line counts.
    throttle: 0,
    throttleMin: Number.POSITIVE_INFINITY,
    reporters: [
      {
        log({ type, args }) {
          const [message, fields] = args as [string, LogFields | undefined];
          write(`${toLine({ timeMs: clock.now(), level: writtenLevel(type), message, fields: fields ?? {} })}\n`);
        },
      },
    ],
  });
  // What is not written costs a request nothing: consola would look at it first.
  const at = (wanted: keyof Logger): Logger["info"] =>
    LogLevels[wanted] > LogLevels[level] ? () => undefined : (message, fields) => consola[wanted](message, fields);
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

function writtenLevel(type: string): WrittenLevel {
  switch (type) {
    case "debug":
    case "error":
      return type;
    case "warn":
      return "warning";
    default:
      return "info";
  }
}
