import { logFlags } from "./common-flags.ts";
import { boolean, file, port } from "./flag-kind.ts";
import type { FlagTable, FlagValues } from "./flag-table.ts";

export type DevFlags = FlagValues<typeof devFlags>;

export const devFlags = {
  files: {
    name: "file",
    group: "Pods",
    short: "f",
    kind: file,
    repeatable: true,
    description: "YAML with pods and namespaces, read again when it changes; else built-in examples",
  },
  port: {
    name: "port",
    group: "Metadata",
    kind: port,
    default: "3100",
    description: "Where the first pod's metadata service listens; each further pod takes the next port",
  },
  aws: {
    name: "aws",
    group: "STS",
    kind: boolean,
    default: "false",
    description: "Call the real STS with the environment's credentials instead of a built-in emulator",
  },
  ...logFlags,
} as const satisfies FlagTable;
