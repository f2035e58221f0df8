/** One rule of a chain, as `iptables -S` prints it. */
export interface Rule {
  /** What follows `-A CHAIN`, as printed: `-D CHAIN` takes the same. */
  readonly text: string;
  readonly conditions: readonly Condition[];
  /** Absent for a rule that only counts. */
  readonly target?: Target;
  /** How many packets it has taken; only where counters were asked for (`-v`). */
  readonly packets?: number;
}

/** `-i eth0`, `! --dport 80`, `-m tcp`. */
export interface Condition {
  readonly option: string;
  readonly negated: boolean;
  readonly values: readonly string[];
}

interface Target {
  /** An extension's name (`DNAT`) or a chain's. */
  readonly name: string;
  /** From a chain that was gone to (`-g`), RETURN leads past the chain that named it. */
  readonly how: "jump" | "goto";
  /** Everything after the name. */
  readonly options: readonly string[];
}

interface Word {
  readonly text: string;
  /** Whether it can start an option: what was quoted can't. */
  readonly bare: boolean;
}

const wordForm = /"((?:\\.|[^"\\])*)"|\S+/g;

/** Options whose one value may begin with a dash, because it is anybody's text. */
const takesAnyText: readonly string[] = ["--comment", "--string", "--hex-string"];

/** The rules of one chain in what `-S` or iptables-save printed, in order; lines of other chains are left out. */
export function parseRules(chain: string, printed: string): readonly Rule[] {
  const start = `-A ${chain} `;
  return printed
    .split("\n")
    .filter((line) => line.startsWith(start))
    .map((line) => parseRule(line.slice(start.length).trim()));
}

function parseRule(text: string): Rule {
  const { conditions, rest } = parseConditions(split(text));
  const counter = conditions.find(({ option }) => option === "-c");
  const [how, name, ...options] = rest;
  return {
    text,
    conditions: conditions.filter((condition) => condition !== counter),
    ...(name === undefined ? {} : { target: { name, how: how === "-g" ? "goto" : "jump", options } }),
    ...(counter === undefined ? {} : { packets: Number(counter.values[0]) }),
  };
}

/** @returns what stands before `-j` or `-g`, and these with all that follows */
function parseConditions(words: readonly Word[]) {
  const conditions: Condition[] = [];
  let at = 0;
  while (at < words.length) {
    const negated = words[at]?.bare === true && words[at]?.text === "!";
    at += negated ? 1 : 0;
    const option = words[at]?.text ?? "";
    if (option === "-j" || option === "-g") {
      break;
    }
    const values = valuesFrom(words, at + 1, option);
    conditions.push({ option, negated, values });
    at += 1 + values.length;
  }
  return { conditions, rest: words.slice(at).map((word) => word.text) };
}

function valuesFrom(words: readonly Word[], from: number, option: string): readonly string[] {
  if (takesAnyText.includes(option)) {
    return words.slice(from, from + 1).map((word) => word.text);
  }
  const rest = words.slice(from);
  const end = rest.findIndex((word) => word.bare && (word.text === "!" || /^-./.test(word.text)));
  return (end === -1 ? rest : rest.slice(0, end)).map((word) => word.text);
}

function split(text: string): readonly Word[] {
  return [...text.matchAll(wordForm)].map(([whole, quoted]) =>
    quoted === undefined ? { text: whole, bare: true } : { text: quoted.replace(/\\(.)/g, "$1"), bare: false },
  );
}
