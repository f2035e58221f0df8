import type { BuildInfo } from "./build-info.ts";
import type { Command } from "./command.ts";
import { type Flag, flagGroups, spellings, variablesOf } from "./flag-table.ts";

type Described = Pick<Command, "summary" | "flags">;

/** What a terminal is at least, and still read with ease. */
const width = 100;

const footnote = `The command line comes before the environment. Durations are Go's: 500ms, 90s, 15m, 1h30m.
`;

/** Help for one command: every flag with its default and the variables that it reads, group by group. */
export function commandUsage(name: string, { summary, flags }: Described, build: BuildInfo): string {
  const table = Object.values(flags);
  const required = table.filter((flag) => flag.required === true).map((flag) => ` --${flag.name}=<${flag.kind.hint}>`);
  const groups = flagGroups.flatMap((group) => {
    const ofGroup = table.filter((flag) => flag.group === group);
    return ofGroup.length === 0 ? [] : [`${headings[group] ?? group}:\n${ofGroup.map(flagHelp).join("")}`];
  });
  return [
    `${summary} (kiam ${build.version})\n`,
    `Usage: kiam ${name}${required.join("")} [FLAG]...\n`,
    ...groups,
    footnote,
  ].join("\n");
}

/** Help for the whole: every command. */
export function rootUsage(commands: ReadonlyMap<string, Described>, build: BuildInfo): string {
  const longest = Math.max(...[...commands.keys()].map((name) => name.length));
  const lines = [...commands].map(([name, { summary }]) => `  ${name.padEnd(longest)}  ${summary}\n`);
  return [
    `AWS roles for the pods of a Kubernetes cluster (kiam ${build.version})\n`,
    "Usage: kiam COMMAND [FLAG]...\n",
    `Commands:\n${lines.join("")}`,
    "kiam COMMAND --help tells a command's flags.\n",
  ].join("\n");
}

const headings: Partial<Record<Flag["group"], string>> = {
  Compatibility: "For manifests of the Go release; these do nothing, and are warned of",
};

function flagHelp(flag: Flag): string {
  const { description, obsolete } = flag;
  const told = obsolete === undefined ? description : `${description}; does nothing: ${obsolete}`;
  const facts = factsOf(flag).map((fact) => `[${fact}]`);
  return `  ${written(flag)}\n${wrapped(told.split(" "))}${wrapped(facts)}`;
}

/** `--port=<port>`, `--[no-]json-log`, `--iptables[=<interface>]`, each name of a flag. */
function written(flag: Flag): string {
  const { hint, alone } = flag.kind;
  return spellings(flag)
    .map((spelling) => {
      if (hint === undefined) {
        return spelling.replace(/^--/, "--[no-]");
      }
      return alone === undefined ? `${spelling}=<${hint}>` : `${spelling}[=<${hint}>]`;
    })
    .join(", ");
}

function factsOf(flag: Flag): readonly string[] {
  return [
    ...(flag.required === true ? ["required"] : []),
    ...(flag.default === undefined ? [] : [`default: ${flag.default}`]),
    ...(flag.repeatable === true ? ["may be repeated"] : []),
    `environment: ${variablesOf(flag).join(", ")}`,
  ];
}

const indent = "      ";

function wrapped(words: readonly string[]): string {
  const lines = [""];
  for (const word of words) {
    const last = lines.at(-1) ?? "";
    if (last === "") {
      lines.splice(-1, 1, word);
    } else if (indent.length + last.length + 1 + word.length <= width) {
      lines.splice(-1, 1, `${last} ${word}`);
    } else {
      lines.push(word);
    }
  }
  return lines.map((line) => `${indent}${line}\n`).join("");
}
