import { listenAddress, remoteAddress } from "./address-kinds.ts";
import { boolean, file, oneOf } from "./flag-kind.ts";
import type { FlagTable } from "./flag-table.ts";

export const logFlags = {
  jsonLog: { name: "json-log", kind: boolean, default: "false", description: "Write logs as JSON instead of text" },
  level: {
    name: "level",
    kind: oneOf("debug", "info", "warn", "error"),
    default: "info",
    description: "The least severe logs that are written",
  },
} as const satisfies FlagTable;

export const tlsFlags = {
  certPath: { name: "cert", kind: file, required: true, description: "PEM certificate for mutual TLS" },
  keyPath: { name: "key", kind: file, required: true, description: "PEM key of the certificate" },
  caPath: {
    name: "ca",
    kind: file,
    required: true,
    description: "PEM certificates of the authorities that vouch for the other side",
  },
} as const satisfies FlagTable;

export const clientFlags = {
  serverAddress: {
    name: "server-address",
    kind: remoteAddress,
    default: "localhost:9610",
    description: "Where the servers are; the host is also the name that their certificate must carry",
  },
} as const satisfies FlagTable;

export const telemetryFlags = {
  telemetryAddress: {
    name: "prometheus-listen-addr",
    kind: listenAddress,
    description: "Where /metrics, /healthz and /readyz are served; not served where it is left out",
  },
} as const satisfies FlagTable;
