/** Microseconds since the Unix epoch, as gonodes counts them. */
export function nowUs(): number {
  return Math.round((performance.timeOrigin + performance.now()) * 1000);
}
