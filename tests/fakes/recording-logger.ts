import type { LogFields, Logger } from "../../src/runtime/logger.ts";

export interface LogLine {
  readonly level: keyof Logger;
  readonly message: string;
  readonly fields?: LogFields;
}

/** Keeps what it is told, debug lines only where asked for. */
export function createRecordingLogger(
  from: "debug" | "info" = "info",
): Logger & { readonly lines: readonly LogLine[] } {
  const lines: LogLine[] = [];
  const at = (level: keyof Logger) => (message: string, fields?: LogFields) => {
    lines.push({ level, message, ...(fields === undefined ? {} : { fields }) });
  };
  return {
    lines,
    debug: from === "debug" ? at("debug") : () => {},
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
  };
}
