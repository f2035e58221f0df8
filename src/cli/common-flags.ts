import { listenAddress, remoteAddress } from "./address-kinds.ts";
import { boolean, durationMs, file, oneOf } from "./flag-kind.ts";
import type { FlagTable } from "./flag-table.ts";

export const logFlags = {
  jsonLog: {
    name: "json-log",
    group: "Logging",
    kind: boolean,
    default: "false",
    description: "Write logs as JSON instead of text",
  },
  level: {
    name: "level",
    group: "Logging",
    kind: oneOf("debug", "info", "warn", "error"),
    default: "info",
    description: "The least severe logs that are written",
  },
} as const satisfies FlagTable;

export const tlsFlags = {
  certPath: {
    name: "cert",
    group: "Mutual TLS",
    kind: file,
    required: true,
    description: "PEM certificate for mutual TLS",
  },
  keyPath: {
    name: "key",
    group: "Mutual TLS",
    kind: file,
    required: true,
    description: "PEM key of the certificate",
  },
  caPath: {
    name: "ca",
    group: "Mutual TLS",
    kind: file,
    required: true,
    description: "PEM certificates of the authorities that vouch for the other side",
  },
} as const satisfies FlagTable;

/** When either side of a connection between servers and agents pings the other. */
export const keepaliveFlags = {
  keepaliveTimeMs: {
    name: "grpc-keepalive-time-duration",
    group: "Connections",
    kind: durationMs,
    default: "10s",
    description: "How long a connection may be silent before it is pinged",
  },
  keepaliveTimeoutMs: {
    name: "grpc-keepalive-timeout-duration",
    group: "Connections",
    kind: durationMs,
    default: "2s",
    description: "How long after a ping without an answer a connection is given up",
  },
} as const satisfies FlagTable;

export const clientFlags = {
  serverAddress: {
    name: "server-address",
    group: "Servers",
    kind: remoteAddress,
    default: "localhost:9610",
    description: "Where the servers are; the host is also the name that their certificate must carry",
  },
  gatewayTimeoutMs: {
    name: "gateway-timeout-creation",
    group: "Connections",
    kind: durationMs,
    default: "1s",
    description: "How long connecting to a server may take before another is tried",
  },
  ...keepaliveFlags,
  keepaliveWithoutStream: {
    name: "grpc-keepalive-permit-without-stream",
    group: "Connections",
    kind: boolean,
    default: "false",
    description: "Ping idle connections too; servers of the Go release cut off who does that often",
  },
} as const satisfies FlagTable;

export const telemetryFlags = {
  telemetryAddress: {
    name: "prometheus-listen-addr",
    group: "Telemetry",
    kind: listenAddress,
    description: "Where /metrics, /healthz and /readyz are served; not served where it is left out",
  },
} as const satisfies FlagTable;
