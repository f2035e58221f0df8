import type { FlagKind } from "./flag-kind.ts";

/** What help puts flags under, in its order. */
export const flagGroups = [
  "Mutual TLS",
  "Servers",
  "Agents",
  "Connections",
  "Redirect",
  "Metadata",
  "Kubernetes",
  "Roles",
  "Sessions",
  "STS",
  "Pods",
  "Certificates",
  "Output",
  "Telemetry",
  "Logging",
  "Compatibility",
] as const;

/** One flag of a command. */
export interface Flag {
  /** As on the command line, without the dashes. */
  readonly name: string;
  readonly group: (typeof flagGroups)[number];
  readonly kind: FlagKind<unknown>;
  /** One sentence for help, without a full stop. */
  readonly description: string;
  /** As one would write it on the command line. */
  readonly default?: string;
  readonly required?: true;
  readonly repeatable?: true;
  /** Other names, without the dashes. */
  readonly aliases?: readonly string[];
  /** One letter. */
  readonly short?: string;
  /** Environment variables that are read after `KIAM_<FLAG>`. */
  readonly variables?: readonly string[];
  /** Of a flag that does nothing and is only there for manifests of the Go release: why, as a part of a sentence. */
  readonly obsolete?: string;
}

/** A command's flags, each under the name that its value has in the program. */
export type FlagTable = Readonly<Record<string, Flag>>;

/** The values of a command's flags: `undefined` only for one that was not given and has no default. */
export type FlagValues<Table extends FlagTable> = {
  readonly [Key in keyof Table]: FlagValue<Table[Key]>;
} & {
  /** What to say of those flags that were given and do nothing. */
  readonly warnings: readonly string[];
};

type FlagValue<One extends Flag> =
  One["kind"] extends FlagKind<infer Value>
    ? One extends { readonly repeatable: true }
      ? readonly Value[]
      : One extends { readonly required: true } | { readonly default: string }
        ? Value
        : Value | undefined
    : never;

/** The name and the aliases, with their dashes. */
export function spellings(flag: Flag): readonly string[] {
  return [flag.name, ...(flag.aliases ?? [])].map((name) => `--${name}`).concat(flag.short ? [`-${flag.short}`] : []);
}

/** The environment variables that a flag reads; the first that is set counts. */
export function variablesOf(flag: Flag): readonly string[] {
  const own = [flag.name, ...(flag.aliases ?? [])].map((name) => `KIAM_${name.toUpperCase().replaceAll("-", "_")}`);
  return [...own, ...(flag.variables ?? [])];
}
