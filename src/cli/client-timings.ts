import type { PingTimes } from "../rpc/keep-alive.ts";

type PingTimings = Omit<PingTimes, "clock">;

/** How a client of the servers takes their silence. */
export interface ClientTimings extends PingTimings {
  /** How long connecting, TLS included, may take. */
  readonly connectTimeoutMs: number;
  /** Whether connections are pinged too on which no call is open; Go servers answer that with GOAWAY. */
  readonly pingIdle: boolean;
}

/** What the flags say when nobody says otherwise. */
export const clientTimings: ClientTimings = {
  connectTimeoutMs: 1_000,
  pingIntervalMs: 10_000,
  pingTimeoutMs: 2_000,
  pingIdle: false,
};

export interface KeepaliveFlags {
  readonly keepaliveTimeMs: number;
  readonly keepaliveTimeoutMs: number;
}

export interface ClientFlags extends KeepaliveFlags {
  readonly gatewayTimeoutMs: number;
  readonly keepaliveWithoutStream: boolean;
}

/** grpc-go's: what it takes 0 for, and the least time between two pings. https://pkg.go.dev/google.golang.org/grpc/keepalive */
const unsetIntervalMs = 2 * 3_600_000;
const unsetTimeoutMs = 20_000;
const shortestIntervalMs = 1_000;

/** When either side pings, by its flags. */
export function pingTimingsOf(flags: KeepaliveFlags): PingTimings {
  return {
    pingIntervalMs: Math.max(flags.keepaliveTimeMs || unsetIntervalMs, shortestIntervalMs),
    pingTimeoutMs: flags.keepaliveTimeoutMs || unsetTimeoutMs,
  };
}

/** A client's timings, by its flags. */
export function clientTimingsOf(flags: ClientFlags): ClientTimings {
  return {
    ...pingTimingsOf(flags),
    connectTimeoutMs: flags.gatewayTimeoutMs || clientTimings.connectTimeoutMs,
    pingIdle: flags.keepaliveWithoutStream,
  };
}
