import { isCertificateRefusal } from "../rpc/certificate-refusal.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import { createRecentMap } from "../runtime/recent-map.ts";
import type { TlsMetrics } from "./tls-metrics.ts";

export interface RefusedHandshakesDeps {
  readonly clock: Pick<Clock, "now">;
  readonly logger: Logger;
  readonly metrics: Pick<TlsMetrics, "refusedCertificates">;
}

/** An agent that is refused tries again every few seconds, on every node where its certificate is the same. */
const toldAgainAfterMs = 600_000;

/** More than a cluster has nodes. */
const mostRemembered = 16_384;

/**
 * Hears of each client that TLS turned away: counts those whose certificate was the reason, and tells of each once in a while.
 * Others are nobody's error: a probe of the port, a scanner.
 */
export function createRefusedHandshakes({ clock, logger, metrics }: RefusedHandshakesDeps) {
  const toldAtMs = createRecentMap<string, number>(mostRemembered);

  /** Whether nothing was told of it lately. */
  function isDue(subject: string): boolean {
    const before = toldAtMs.get(subject);
    const due = before === undefined || clock.now() - before >= toldAgainAfterMs;
    if (due) {
      toldAtMs.set(subject, clock.now());
    }
    return due;
  }

  return (reason: string, addr: string): void => {
    if (!isCertificateRefusal(reason)) {
      logger.debug("a connection ended before TLS was agreed on", { reason, addr });
      return;
    }
    metrics.refusedCertificates.inc();
    if (isDue(`${addr} ${reason}`)) {
      logger.warn("refused a connection whose certificate TLS does not accept", { reason, addr });
    }
  };
}
