import type { Registry } from "prom-client";
import type { Clock } from "../runtime/clock.ts";

/** Collecting costs 10 to 30 ms of CPU, and pods can reach the listener: however often they ask, it is done once a second. */
const shortestPauseMs = 1000;

/** Answers the metrics as text, at most a second old; those who ask while they are being collected wait together. */
export function createScrape(registry: Pick<Registry, "metrics">, clock: Pick<Clock, "now">): () => Promise<string> {
  let newest: { readonly startedMs: number; readonly text: Promise<string> } | undefined;
  return () => {
    const nowMs = clock.now();
    if (newest === undefined || nowMs - newest.startedMs >= shortestPauseMs || nowMs < newest.startedMs) {
      newest = { startedMs: nowMs, text: registry.metrics() };
    }
    return newest.text;
  };
}
