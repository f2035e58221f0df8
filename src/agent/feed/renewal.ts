/** The soonest that a stream is opened anew on account of its token, however little the token has left. */
const shortestPauseMs = 10_000;

/**
 * How long a stream may stay before another is opened with a newer token, ms: until a tenth of the token's remaining time is
 * left, give or take a twentieth. The kubelet writes a new token when a fifth of its lifetime is left.
 * https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#launch-a-pod-using-service-account-token-projection
 * @param random in [0, 1)
 */
export function renewStreamAfterMs(provedUntilMs: number, nowMs: number, random: number): number {
  return Math.max(shortestPauseMs, (provedUntilMs - nowMs) * (0.85 + random / 10));
}
