import { type Completed, negationOf, offeredFlags, quoted, wordsAfter } from "./completion-words.ts";
import { type Flag, spellings } from "./flag-table.ts";

/** A script for zsh: a file `_kiam` in its `fpath`, or something to source after `compinit`. */
export function zshCompletion(commands: Completed): string {
  const described = [...commands].map(([name, { summary }]) => quoted(`${name}:${summary}`));
  return `#compdef kiam
# Completes kiam's commands and flags in zsh.
_kiam() {
  local -a commands=(
    ${[...described, quoted("help:Tell about kiam, or about a command")].join("\n    ")}
  )
  if (( CURRENT == 2 )); then
    _describe -t commands command commands
    _arguments '--help[Tell about kiam]' '--version[Print the version]'
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${[...commands.keys(), "help"].map((name) => commandCase(name, commands)).join("")}\
  esac
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _kiam "$@"
else
  compdef _kiam kiam
fi
`;
}

function commandCase(name: string, commands: Completed): string {
  const command = commands.get(name);
  const flags = command === undefined ? [] : offeredFlags(command).flatMap(specifications);
  const words = wordsAfter(name, commands);
  const positional = words.length === 0 ? [] : [quoted(`1:word:(${words.join(" ")})`)];
  const all = [...positional, ...flags, quoted("--help[Tell about this command]")];
  return `    ${name})\n      _arguments ${all.join(" \\\n        ")}\n      ;;\n`;
}

/** What `_arguments` takes for each spelling of a flag: https://zsh.sourceforge.io/Doc/Release/Completion-System.html */
function specifications(flag: Flag): readonly string[] {
  const negation = negationOf(flag);
  const spelled = spellings(flag);
  const all = [...spelled, ...(negation === undefined ? [] : [negation])];
  const others = flag.repeatable === true ? "*" : `(${all.join(" ")})`;
  const described = `[${flag.description.replace(/[[\]\\]/g, "\\$&")}]`;
  return [
    ...spelled.map((spelling) => quoted(`${others}${spelling}${valuePart(flag, spelling)(described)}`)),
    ...(negation === undefined ? [] : [quoted(`${others}${negation}[Not --${flag.name}]`)]),
  ];
}

/** `--flag=` takes the value after a space or an equals sign, `--flag=-` after an equals sign only, `-f+` anywhere. */
function valuePart({ kind, name }: Flag, spelling: string): (described: string) => string {
  const { hint, alone } = kind;
  if (hint === undefined) {
    return (described) => described;
  }
  const after = spelling.startsWith("--") ? "=" : "+";
  const colons = alone === undefined ? ":" : "::";
  return (described) => `${after}${described}${colons}${name}:${actionOf(kind)}`;
}

function actionOf({ completion }: Flag["kind"]): string {
  switch (completion) {
    case undefined:
      return " ";
    case "files":
      return "_files";
    case "directories":
      return "_files -/";
    default:
      return `(${completion.join(" ")})`;
  }
}
