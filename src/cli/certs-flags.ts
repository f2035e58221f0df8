import { logFlags } from "./common-flags.ts";
import { boolean, count, file, path, text } from "./flag-kind.ts";
import type { FlagTable, FlagValues } from "./flag-table.ts";
import { namespaceName, nodeName } from "./kiam-kinds.ts";

export type CertsFlags = FlagValues<typeof certsFlags>;

export const certsFlags = {
  outDirectory: {
    name: "out",
    group: "Output",
    kind: path,
    description: "Directory that the PEM files are written to",
  },
  secrets: {
    name: "secrets",
    group: "Output",
    kind: boolean,
    default: "false",
    description: "Write Secret manifests instead of PEM files, to standard output where there is no --out",
  },
  namespace: {
    name: "namespace",
    group: "Output",
    kind: namespaceName,
    default: "kiam-system",
    description: "Namespace of the Secrets, and of the server's Service",
  },
  serverNames: {
    name: "server-name",
    group: "Certificates",
    kind: text,
    repeatable: true,
    description: "A name or address that agents reach the servers by",
  },
  nodes: {
    name: "node",
    group: "Certificates",
    kind: nodeName,
    repeatable: true,
    description: "A node whose agent gets a certificate of its own",
  },
  days: {
    name: "days",
    group: "Certificates",
    kind: count(3650),
    default: "365",
    description: "How long the certificates are valid",
  },
  caCertPath: {
    name: "ca-cert",
    group: "Certificates",
    kind: file,
    description: "Sign with this authority instead of a new one",
  },
  caKeyPath: { name: "ca-key", group: "Certificates", kind: file, description: "The key of that authority" },
  force: {
    name: "force",
    group: "Output",
    kind: boolean,
    default: "false",
    description: "Overwrite files that are there already",
  },
  ...logFlags,
} as const satisfies FlagTable;

/** What in the flags of `certs` contradicts the rest, as a sentence. */
export function certsContradiction(flags: CertsFlags): string | undefined {
  if (flags.outDirectory === undefined && !flags.secrets) {
    return "say where to: --out for a directory of PEM files, or --secrets for manifests on standard output";
  }
  return (flags.caCertPath === undefined) === (flags.caKeyPath === undefined)
    ? undefined
    : "--ca-cert and --ca-key go together";
}
