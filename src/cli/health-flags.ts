import { clientFlags, logFlags, tlsFlags } from "./common-flags.ts";
import { durationMs } from "./flag-kind.ts";
import type { FlagTable, FlagValues } from "./flag-table.ts";
import { obsoleteClientFlags } from "./obsolete-flags.ts";

export type HealthFlags = FlagValues<typeof healthFlags>;

export const healthFlags = {
  ...tlsFlags,
  ...clientFlags,
  timeoutMs: {
    name: "timeout",
    group: "Servers",
    kind: durationMs,
    default: "1s",
    description: "How long to ask, every 100ms, before giving up",
  },
  ...logFlags,
  ...obsoleteClientFlags,
} as const satisfies FlagTable;
