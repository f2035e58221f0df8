const unitsMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  "\u00b5s": 1e-3, // the micro sign
  "\u03bcs": 1e-3, // the Greek letter
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

const wholeForm = /^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|\u00b5s|\u03bcs|ms|s|m|h))+$/;
const partForm = /(\d+\.?\d*|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/g;

/** Go counts durations in nanoseconds that fit 63 bits. */
const longestMs = 2 ** 63 / 1e6;

/**
 * A duration as Go writes it (`15m`, `1h30m`, `500ms`, `1.5h`), in milliseconds. Answers `undefined` for what is not one, a
 * negative one included: nothing here takes those. https://pkg.go.dev/time#ParseDuration
 */
export function parseDurationMs(text: string): number | undefined {
  const unsigned = text.startsWith("+") ? text.slice(1) : text;
  if (unsigned === "0") {
    return 0;
  }
  if (!wholeForm.test(unsigned)) {
    return undefined;
  }
  let totalMs = 0;
  for (const [, amount = "", unit = ""] of unsigned.matchAll(partForm)) {
    totalMs += Number(amount) * (unitsMs[unit] ?? Number.NaN);
  }
  return totalMs < longestMs ? totalMs : undefined;
}
