/**
 * How a client of the servers takes their silence. Connecting, TLS included, may take as long as the Go release's
 * `--gateway-timeout-creation`; the pings are its keepalive's: after 10 s, lost after 2 s without an answer.
 */
export const clientTimings = { connectTimeoutMs: 1_000, pingIntervalMs: 10_000, pingTimeoutMs: 2_000 } as const;
