import { parseDurationMs } from "./duration.ts";

/** What a flag's value looks like. */
export interface FlagKind<Value> {
  /** Stands for the value in help; `undefined` for a flag that takes none. */
  readonly hint: string | undefined;
  /** Completes "must be …". */
  readonly form: string;
  /** Answers `undefined` for text that is not of this kind. Never sees an empty text. */
  readonly parse: (text: string) => Value | undefined;
  /** What the flag alone means, where it may stand alone. */
  readonly alone?: Value;
  /** What `--no-<flag>` means, where there is such a flag. */
  readonly negated?: Value;
  /** Whether the value is the path of a file that has to be there. */
  readonly isFile?: true;
  /** What a shell may complete the value with. */
  readonly completion?: "files" | "directories" | readonly string[];
}

export const text: FlagKind<string> = { hint: "text", form: "a text", parse: (value) => value };

export const path: FlagKind<string> = { ...text, hint: "path", form: "a path", completion: "directories" };

export const file: FlagKind<string> = {
  ...text,
  hint: "file",
  form: "the path of a file",
  isFile: true,
  completion: "files",
};

export const boolean: FlagKind<boolean> = {
  hint: undefined,
  form: "true or false",
  parse: (value) => (value === "true" ? true : value === "false" ? false : undefined),
  alone: true,
  negated: false,
};

export const durationMs: FlagKind<number> = {
  hint: "duration",
  form: 'a duration such as "90s", "15m" or "1h30m"',
  parse: parseDurationMs,
};

export const port: FlagKind<number> = {
  hint: "port",
  form: "a port from 1 to 65535",
  parse: (value) => wholeNumber(value, 1, 65_535),
};

export function count(most: number): FlagKind<number> {
  return { hint: "number", form: `a whole number from 1 to ${most}`, parse: (value) => wholeNumber(value, 1, most) };
}

export function oneOf<const Choice extends string>(...choices: readonly Choice[]): FlagKind<Choice> {
  return {
    hint: choices.join("|"),
    form: `one of ${choices.join(", ")}`,
    parse: (value) => choices.find((choice) => choice === value),
    completion: choices,
  };
}

/** Decimal digits and nothing else, within the limits; else `undefined`. */
export function wholeNumber(digits: string, least: number, most: number): number | undefined {
  const number = /^\d{1,15}$/.test(digits) ? Number(digits) : Number.NaN;
  return number >= least && number <= most ? number : undefined;
}
