import { type Flag, type FlagTable, type FlagValues, spellings, variablesOf } from "./flag-table.ts";
import { type Given, readArguments } from "./read-arguments.ts";

export interface FlagSource {
  /** What follows the command's name. */
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What is wrong with the file at a path, as the end of a sentence; `undefined` for one that can be read. */
  readonly fileProblem: (path: string) => string | undefined;
}

export type ParsedFlags<Values> =
  | { readonly kind: "values"; readonly values: Values }
  | { readonly kind: "help" }
  | { readonly kind: "problem"; readonly problem: string };

type ParsedFlag =
  | { readonly kind: "value"; readonly value: unknown }
  | { readonly kind: "missing" }
  | { readonly kind: "problem"; readonly problem: string };

/** A Kubernetes service named `kiam` sets `KIAM_PORT=tcp://…` in every pod of its namespace. */
const serviceLink = /^(?:tcp|udp):\/\//;

/**
 * Reads a command's flags from the command line, else the environment, else the defaults. The first thing wrong is the
 * problem, in one sentence. Opens no file.
 */
export function parseFlags<Table extends FlagTable>(table: Table, source: FlagSource): ParsedFlags<FlagValues<Table>> {
  const read = readArguments(source.argv, table);
  if (read.kind !== "given") {
    return read;
  }
  const values: Record<string, unknown> = {};
  const missing: Flag[] = [];
  const warnings: string[] = [];
  for (const [key, flag] of Object.entries(table)) {
    const given = read.given.get(flag) ?? fromEnvironment(flag, source.env);
    if (flag.obsolete !== undefined && given.length > 0) {
      warnings.push(`--${flag.name} does nothing: ${flag.obsolete}`);
    }
    const parsed = parseFlag(flag, given, source);
    switch (parsed.kind) {
      case "value":
        values[key] = parsed.value;
        break;
      case "missing":
        missing.push(flag);
        break;
      case "problem":
        return parsed;
      default:
        parsed satisfies never;
    }
  }
  return missing.length > 0
    ? { kind: "problem", problem: missingFlags(missing) }
    : { kind: "values", values: { ...values, warnings } as FlagValues<Table> };
}

function fromEnvironment(flag: Flag, env: FlagSource["env"]): readonly Given[] {
  for (const variable of variablesOf(flag)) {
    const text = env[variable];
    if (text !== undefined && text !== "" && !serviceLink.test(text)) {
      const texts = flag.repeatable === true ? text.split(",") : [text];
      return texts.map((part) => ({ kind: "text", spelled: variable, text: part }));
    }
  }
  return [];
}

function parseFlag(flag: Flag, given: readonly Given[], source: FlagSource): ParsedFlag {
  const values: unknown[] = [];
  for (const one of given) {
    const parsed = parseGiven(flag, one, source);
    if (parsed.kind !== "value") {
      return parsed;
    }
    values.push(parsed.value);
  }
  if (flag.repeatable === true) {
    return flag.required === true && values.length === 0 ? { kind: "missing" } : { kind: "value", value: values };
  }
  return given.length > 0 ? { kind: "value", value: values[0] } : parseDefault(flag);
}

function parseGiven(flag: Flag, given: Given, source: FlagSource): ParsedFlag {
  if (given.kind !== "text") {
    return { kind: "value", value: given.kind === "alone" ? flag.kind.alone : flag.kind.negated };
  }
  if (given.text === "" && isOptional(flag)) {
    return { kind: "value", value: undefined };
  }
  const value = given.text === "" ? undefined : flag.kind.parse(given.text);
  if (value === undefined) {
    return {
      kind: "problem",
      problem: `${given.spelled} must be ${flag.kind.form}, not ${JSON.stringify(given.text)}`,
    };
  }
  const wrong = flag.kind.isFile === true ? source.fileProblem(given.text) : undefined;
  return wrong === undefined
    ? { kind: "value", value }
    : { kind: "problem", problem: `${given.spelled} names ${JSON.stringify(given.text)}, which ${wrong}` };
}

/** An empty text is how manifests leave such a flag out. */
function isOptional(flag: Flag): boolean {
  return flag.required !== true && flag.default === undefined && flag.repeatable !== true;
}

/** @throws Error for a default that is not of the flag's own kind, which is a mistake in the table. */
function parseDefault(flag: Flag): ParsedFlag {
  if (flag.default === undefined) {
    return flag.required === true ? { kind: "missing" } : { kind: "value", value: undefined };
  }
  const value = flag.kind.parse(flag.default);
  if (value === undefined) {
    throw new Error(`the default of --${flag.name} is not ${flag.kind.form}`);
  }
  return { kind: "value", value };
}

function missingFlags(flags: readonly Flag[]): string {
  const names = flags.map((flag) => spellings(flag)[0]);
  const last = names.pop();
  return names.length === 0 ? `${last} is required` : `${names.join(", ")} and ${last} are required`;
}
