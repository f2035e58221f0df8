/** How long pods with roles may live without one packet before that is worth a word: SDKs ask when they start. */
const suspiciousMs = 10 * 60_000;

/** Notices that nothing ever comes through the redirect, as where an eBPF data path goes past iptables. */
export interface SilenceWatch {
  /** Answers true once, when pods with roles have been live for ten minutes and no packet was counted since the start. */
  notice(packets: number, podsWithRoles: number, nowMs: number): boolean;
}

export function createSilenceWatch(): SilenceWatch {
  let over = false;
  let sinceMs: number | undefined;
  return {
    notice(packets, podsWithRoles, nowMs) {
      over ||= packets > 0;
      if (over || podsWithRoles === 0) {
        sinceMs = undefined;
        return false;
      }
      sinceMs ??= nowMs;
      over = nowMs - sinceMs >= suspiciousMs;
      return over;
    },
  };
}
