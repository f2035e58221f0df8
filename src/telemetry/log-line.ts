import { invisible } from "../domain/invisible.ts";
import type { LogFields } from "../runtime/logger.ts";

/** The Go release's words. */
export type WrittenLevel = "debug" | "info" | "warning" | "error";

export interface LogRecord {
  /** Milliseconds since the Unix epoch. */
  readonly timeMs: number;
  readonly level: WrittenLevel;
  readonly message: string;
  readonly fields: LogFields;
}

export type FormatLine = (record: LogRecord) => string;

/** One JSON object in one line. */
export const formatJson: FormatLine = (record) =>
  escapeInvisible(JSON.stringify(Object.fromEntries(entriesOf(record))));

/** `time="…" level=info msg="…" key=value`, as logrus writes for people: what could be misread is in quotes. */
export const formatText: FormatLine = (record) =>
  entriesOf(record)
    .map(([key, value]) => `${key}=${quoteWhereNeeded(String(value))}`)
    .join(" ");

/** Annotations reach logs, and may hold 256 KiB. */
const longestText = 4096;

const ownKeys: ReadonlySet<string> = new Set(["time", "level", "msg"]);

function entriesOf(record: LogRecord): readonly (readonly [string, string | number | boolean])[] {
  const fields = Object.entries(record.fields).flatMap(([key, value]) =>
    value === undefined ? [] : ([[ownKeys.has(key) ? `fields.${key}` : key, cut(value)]] as const),
  );
  return [
    ["time", new Date(record.timeMs).toISOString()],
    ["level", record.level],
    ["msg", cut(record.message)],
    ...fields,
  ];
}

function cut<Value extends string | number | boolean>(value: Value): Value | string {
  return typeof value === "string" && value.length > longestText ? `${value.slice(0, longestText)}…` : value;
}

/** The characters that logrus leaves without quotes. */
const plain = /^[a-zA-Z0-9\-._/@^+]*$/;

function quoteWhereNeeded(value: string): string {
  return plain.test(value) ? value : escapeInvisible(JSON.stringify(value));
}

/** JSON lets some of these stand: C1 controls, direction marks, line separators. */
function escapeInvisible(json: string): string {
  return json.replace(invisible, (character) =>
    character
      .split("")
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
      .join(""),
  );
}
