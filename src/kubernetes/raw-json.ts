/**
 * The value at a path of fields of what JSON.parse gave; `undefined` where any of it is absent. Nothing is believed: fields
 * that are inherited, or asked of something that is no object, are absent too.
 */
export function at(raw: unknown, ...path: readonly string[]): unknown {
  let value = raw;
  for (const key of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) {
      return undefined;
    }
    value = Reflect.get(value, key);
  }
  return value;
}

/** The text at a path; empty where there is none. */
export function textAt(raw: unknown, ...path: readonly string[]): string {
  const value = at(raw, ...path);
  return typeof value === "string" ? value : "";
}

/** The number at a path; 0 where there is none. */
export function numberAt(raw: unknown, ...path: readonly string[]): number {
  const value = at(raw, ...path);
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}

/** The list at a path; empty where there is none. */
export function listAt(raw: unknown, ...path: readonly string[]): readonly unknown[] {
  const value = at(raw, ...path);
  return Array.isArray(value) ? value : [];
}

/** Milliseconds since the Unix epoch of the RFC 3339 time at a path; `undefined` where there is none. */
export function timeAt(raw: unknown, ...path: readonly string[]): number | undefined {
  const ms = Date.parse(textAt(raw, ...path));
  return Number.isNaN(ms) ? undefined : ms;
}
