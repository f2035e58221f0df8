const minuteMs = 60_000;

/** Java, PHP and older Python SDKs ask again on every call once less than this remains. */
const sdkFloorMs = 15 * minuteMs;

/** The least margin whose spread of a tenth stays above the floor. */
const leastMarginForFloorMs = 17 * minuteMs;

/** How long before expiry credentials are renewed where no flag says so: 25 minutes for sessions of an hour or more, else a third. */
export function defaultAheadMs(sessionDurationMs: number): number {
  return sessionDurationMs >= 60 * minuteMs ? 25 * minuteMs : sessionDurationMs / 3;
}

/** The part of a lifetime that is left when credentials are renewed: `aheadMs`, or a third of a lifetime that is not longer. */
function marginMs(lifetimeMs: number, aheadMs: number): number {
  return aheadMs < lifetimeMs ? aheadMs : lifetimeMs / 3;
}

interface Lifetime {
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}

/**
 * When to renew, ms since the Unix epoch: `aheadMs` before expiry, give or take a tenth of the shorter side, so that what
 * was issued in one burst does not come back in one second. @param random in [0, 1)
 */
export function renewAtMs({ issuedAtMs, expiresAtMs }: Lifetime, aheadMs: number, random: number): number {
  const lifetimeMs = expiresAtMs - issuedAtMs;
  const margin = marginMs(lifetimeMs, aheadMs);
  const spreadMs = Math.min(margin, lifetimeMs - margin) / 10;
  return expiresAtMs - margin + (random * 2 - 1) * spreadMs;
}

/** Whether credentials have so little left that SDKs would ask again at every call, and were to be renewed before that. */
export function isBelowFloor({ issuedAtMs, expiresAtMs }: Lifetime, aheadMs: number, nowMs: number): boolean {
  const hasFloor = marginMs(expiresAtMs - issuedAtMs, aheadMs) >= leastMarginForFloorMs;
  return hasFloor && expiresAtMs - nowMs < sdkFloorMs;
}
