import { parseArgs } from "node:util";
import { type Flag, type FlagTable, spellings } from "./flag-table.ts";
import { nearest } from "./nearest.ts";

/** One appearance of a flag, and how it was written. */
export type Given =
  | { readonly kind: "text"; readonly spelled: string; readonly text: string }
  | { readonly kind: "alone" | "negated"; readonly spelled: string };

export type ReadArguments =
  | { readonly kind: "given"; readonly given: ReadonlyMap<Flag, readonly Given[]> }
  | { readonly kind: "help" }
  | { readonly kind: "problem"; readonly problem: string };

type Token = NonNullable<ReturnType<typeof parseArgs>["tokens"]>[number];
type OptionToken = Extract<Token, { kind: "option" }>;

/** What a spelling on the command line stands for. */
interface Meaning {
  readonly flag: Flag;
  readonly negates: boolean;
}

/** Sorts a command's arguments by flag, without looking at the values. Reads `--flag value` and `--flag=value`. */
export function readArguments(argv: readonly string[], table: FlagTable): ReadArguments {
  const { tokens } = parseArgs({ args: [...argv], strict: false, allowPositionals: true, tokens: true });
  if (tokens.some((token) => token.kind === "option" && asksForHelp.has(argv[token.index] ?? ""))) {
    return { kind: "help" };
  }
  const meanings = meaningsOf(table);
  const given = new Map<Flag, Given[]>();
  let lastRead = -1;
  for (const token of tokens) {
    if (token.index <= lastRead) {
      continue;
    }
    const read = readToken(token, argv, meanings);
    if (read.kind === "problem") {
      return read;
    }
    const before = given.get(read.flag) ?? [];
    if (before.length > 0 && read.flag.repeatable !== true) {
      return problem(`--${read.flag.name} is given twice`);
    }
    given.set(read.flag, [...before, read.given]);
    lastRead = read.lastIndex;
  }
  return { kind: "given", given };
}

const asksForHelp: ReadonlySet<string> = new Set(["--help", "-h"]);

interface FlagRead {
  readonly kind: "flag";
  readonly flag: Flag;
  readonly given: Given;
  /** Where in the arguments the flag and its value end. */
  readonly lastIndex: number;
}

function readToken(
  token: Token,
  argv: readonly string[],
  meanings: ReadonlyMap<string, Meaning>,
): FlagRead | ProblemFound {
  const argument = argv[token.index] ?? "";
  if (token.kind !== "option") {
    return problem(`unexpected argument ${JSON.stringify(argument)}`);
  }
  const spelled = token.rawName;
  const meaning = meanings.get(spelled);
  if (meaning === undefined) {
    return problem(unknown(spelled.startsWith("--") ? spelled : argument, [...meanings.keys(), ...asksForHelp]));
  }
  const { flag } = meaning;
  const inline = inlineValue(token, argument);
  if (meaning.negates) {
    return inline === undefined
      ? { kind: "flag", flag, given: { kind: "negated", spelled }, lastIndex: token.index }
      : problem(`${spelled} takes no value`);
  }
  if (inline !== undefined) {
    return { kind: "flag", flag, given: { kind: "text", spelled, text: inline }, lastIndex: token.index };
  }
  const next = argv[token.index + 1];
  // A value that begins with a dash is only ever taken after `=`: a forgotten value must not swallow the next flag.
  if (flag.kind.hint !== undefined && next !== undefined && !next.startsWith("-")) {
    return { kind: "flag", flag, given: { kind: "text", spelled, text: next }, lastIndex: token.index + 1 };
  }
  return flag.kind.alone === undefined
    ? problem(`${spelled} needs a value: ${flag.kind.form}`)
    : { kind: "flag", flag, given: { kind: "alone", spelled }, lastIndex: token.index };
}

/** What follows in `--flag=value`, or in `-fvalue` and `-f=value`, which parseArgs takes for several letters. */
function inlineValue(token: OptionToken, argument: string): string | undefined {
  if (token.rawName.startsWith("--")) {
    return token.value;
  }
  return argument.length > 2 ? argument.slice(2).replace(/^=/, "") : undefined;
}

function meaningsOf(table: FlagTable): ReadonlyMap<string, Meaning> {
  const meanings = new Map<string, Meaning>();
  for (const flag of Object.values(table)) {
    for (const spelling of spellings(flag)) {
      meanings.set(spelling, { flag, negates: false });
    }
    if (flag.kind.negated !== undefined) {
      meanings.set(`--no-${flag.name}`, { flag, negates: true });
    }
  }
  return meanings;
}

interface ProblemFound {
  readonly kind: "problem";
  readonly problem: string;
}

function problem(sentence: string): ProblemFound {
  return { kind: "problem", problem: sentence };
}

function unknown(spelled: string, known: readonly string[]): string {
  const meant = nearest(spelled, known);
  return `unknown flag ${JSON.stringify(spelled)}${meant === undefined ? "" : `, did you mean ${meant}?`}`;
}
