import { logFlags } from "./common-flags.ts";
import { boolean, file } from "./flag-kind.ts";
import type { FlagTable, FlagValues } from "./flag-table.ts";
import { roleBaseArn } from "./kiam-kinds.ts";

export type PermittedFlags = FlagValues<typeof permittedFlags>;

export const permittedFlags = {
  file: {
    name: "file",
    group: "Pods",
    short: "f",
    kind: file,
    required: true,
    description: "What `kubectl get namespaces,pods --all-namespaces -o json` prints; /dev/stdin reads it from a pipe",
  },
  roleBaseArn: {
    name: "role-base-arn",
    group: "Roles",
    kind: roleBaseArn,
    required: true,
    description: "The servers' --role-base-arn",
  },
  disableStrictNamespaceRegexp: {
    name: "disable-strict-namespace-regexp",
    group: "Roles",
    kind: boolean,
    default: "false",
    description: "Compare with servers that are given this flag",
  },
  ...logFlags,
} as const satisfies FlagTable;
