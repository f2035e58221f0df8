import { listenAddress } from "./address-kinds.ts";
import { durationMs, type FlagKind, text, wholeNumber } from "./flag-kind.ts";
import type { FlagTable } from "./flag-table.ts";

const keepaliveIsNamedAnew = "it is --grpc-keepalive-time-duration and --grpc-keepalive-timeout-duration now";

/** v3's names say milliseconds, its values were durations: either is taken. */
const durationOrMs: FlagKind<number> = {
  ...durationMs,
  parse: (value) => durationMs.parse(value) ?? wholeNumber(value, 0, Number.MAX_SAFE_INTEGER),
};

/** Of agents and health probes. The last two are those of v3. */
export const obsoleteClientFlags = {
  serverAddressRefresh: {
    name: "server-address-refresh",
    group: "Compatibility",
    kind: durationMs,
    default: "0s",
    description: "How often to look up the servers' addresses",
    obsolete: "the servers' addresses are looked up again whenever that helps",
  },
  keepaliveTimeMilliseconds: {
    name: "grpc-keepalive-time-ms",
    group: "Compatibility",
    kind: durationOrMs,
    description: "How long a connection may be silent before it is pinged",
    obsolete: keepaliveIsNamedAnew,
  },
  keepaliveTimeoutMilliseconds: {
    name: "grpc-keepalive-timeout-ms",
    group: "Compatibility",
    kind: durationOrMs,
    description: "How long after a ping without an answer a connection is given up",
    obsolete: keepaliveIsNamedAnew,
  },
} as const satisfies FlagTable;

const statsdIsGone = "there is no StatsD any more, metrics are at --prometheus-listen-addr";

/** Of agents and servers. Those of StatsD are v3's. */
export const obsoleteTelemetryFlags = {
  telemetryInterval: {
    name: "prometheus-sync-interval",
    group: "Compatibility",
    kind: durationMs,
    default: "5s",
    description: "How often to update metrics",
    obsolete: "metrics are always up to date",
  },
  pprofAddress: {
    name: "pprof-listen-addr",
    group: "Compatibility",
    kind: listenAddress,
    description: "Where to serve Go's profiles",
    obsolete: "this is no Go program",
  },
  statsdAddress: {
    name: "statsd",
    group: "Compatibility",
    kind: text,
    description: "Where to send metrics by StatsD",
    obsolete: statsdIsGone,
  },
  statsdPrefix: {
    name: "statsd-prefix",
    group: "Compatibility",
    kind: text,
    default: "kiam",
    description: "What the names of StatsD metrics begin with",
    obsolete: statsdIsGone,
  },
  statsdInterval: {
    name: "statsd-interval",
    group: "Compatibility",
    kind: durationMs,
    default: "100ms",
    description: "How often to send metrics by StatsD",
    obsolete: statsdIsGone,
  },
} as const satisfies FlagTable;

export const obsoleteServerFlags = {
  ...obsoleteTelemetryFlags,
  prefetchBufferSize: {
    name: "prefetch-buffer-size",
    group: "Compatibility",
    kind: { hint: "number", form: "a whole number", parse: (value) => wholeNumber(value, 0, Number.MAX_SAFE_INTEGER) },
    default: "1000",
    description: "How many pods may wait for their prefetch",
    obsolete: "as many pods as there are may wait for their prefetch",
  },
} as const satisfies FlagTable;
