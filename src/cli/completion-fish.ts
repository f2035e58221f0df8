import { type Completed, negationOf, offeredFlags, wordsAfter } from "./completion-words.ts";
import type { Flag } from "./flag-table.ts";

/** A script for fish: `completions/kiam.fish` in its directory of settings. */
export function fishCompletion(commands: Completed): string {
  const lines = [
    "# Completes kiam's commands and flags in fish.",
    "complete -c kiam -f",
    ...[...commands].map(([name, { summary }]) => commandLine(name, summary)),
    commandLine("help", "Tell about kiam, or about a command"),
    "complete -c kiam -n __fish_use_subcommand -l version -d 'Print the version'",
    "complete -c kiam -l help -d 'Tell about kiam, or about a command'",
    ...[...commands.keys(), "help"].flatMap((name) => linesOf(name, commands)),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function commandLine(name: string, summary: string): string {
  return `complete -c kiam -n __fish_use_subcommand -a ${name} -d ${fishQuoted(summary)}`;
}

function linesOf(name: string, commands: Completed): readonly string[] {
  const command = commands.get(name);
  const within = `complete -c kiam -n '__fish_seen_subcommand_from ${name}'`;
  const words = wordsAfter(name, commands);
  const flags = command === undefined ? [] : offeredFlags(command);
  return [
    ...(words.length === 0 ? [] : [`${within} -a '${words.join(" ")}'`]),
    ...flags.flatMap((flag) => flagLines(flag).map((line) => `${within} ${line}`)),
  ];
}

function flagLines(flag: Flag): readonly string[] {
  const described = `-d ${fishQuoted(flag.description)}`;
  const short = flag.short === undefined ? "" : ` -s ${flag.short}`;
  const negation = negationOf(flag);
  return [
    ...[flag.name, ...(flag.aliases ?? [])].map((name) => `-l ${name}${short}${valuePart(flag)} ${described}`),
    ...(negation === undefined ? [] : [`-l ${negation.slice(2)} -d ${fishQuoted(`Not --${flag.name}`)}`]),
  ];
}

function valuePart({ kind: { hint, alone, completion } }: Flag): string {
  if (hint === undefined || alone !== undefined) {
    return "";
  }
  switch (completion) {
    case undefined:
      return " -x";
    case "files":
      return " -r -F";
    case "directories":
      return " -x -a '(__fish_complete_directories)'";
    default:
      return ` -x -a '${completion.join(" ")}'`;
  }
}

function fishQuoted(text: string): string {
  return `'${text.replace(/['\\]/g, "\\$&")}'`;
}
