import { type Completed, negationOf, offeredFlags, quoted, wordsAfter } from "./completion-words.ts";
import { type Flag, spellings } from "./flag-table.ts";

/** A script for bash from 3.2 on, which needs nothing of the package bash-completion. */
export function bashCompletion(commands: Completed): string {
  const names = [...commands.keys(), "help"];
  return `# Completes kiam's commands and flags in bash.
_kiam() {
  local word=\${COMP_WORDS[COMP_CWORD]} flag=\${COMP_WORDS[COMP_CWORD-1]} words=
  COMPREPLY=()
  # In --flag=value the equals sign is a word of its own.
  if [[ $word == "=" ]]; then
    word=
  elif [[ $flag == "=" ]]; then
    flag=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  if ((COMP_CWORD == 1)); then
    words=${quoted([...names, "--help", "--version"].join(" "))}
  else
    case "\${COMP_WORDS[1]} $flag" in
${[...commands].flatMap(([name, command]) => offeredFlags(command).flatMap((flag) => valueCase(name, flag))).join("")}\
${names.map((name) => commandCase(name, commands)).join("")}\
    esac
    [[ $word == -* ]] && words+=" --help"
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}

# Completes a path, of which spaces are a part.
_kiam_paths() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen "$1" -- "$2"))
  compopt -o filenames 2>/dev/null
}

complete -F _kiam kiam
`;
}

/** What stands for the flag's value. One that may stand alone is no more than another flag. */
function valueCase(command: string, flag: Flag): readonly string[] {
  const { hint, alone, completion } = flag.kind;
  if (hint === undefined || alone !== undefined) {
    return [];
  }
  const pattern = spellings(flag)
    .map((spelling) => quoted(`${command} ${spelling}`))
    .join(" | ");
  switch (completion) {
    case undefined:
      return [`      ${pattern}) return ;;\n`];
    case "files":
      return [`      ${pattern}) _kiam_paths -f "$word"; return ;;\n`];
    case "directories":
      return [`      ${pattern}) _kiam_paths -d "$word"; return ;;\n`];
    default:
      return [`      ${pattern}) words=${quoted(completion.join(" "))} ;;\n`];
  }
}

function commandCase(name: string, commands: Completed): string {
  const command = commands.get(name);
  const flags = command === undefined ? [] : offeredFlags(command);
  const words = flags.flatMap((flag) => [...spellings(flag), negationOf(flag) ?? []].flat());
  return `      ${quoted(`${name} `)}*) words=${quoted([...wordsAfter(name, commands), ...words].join(" "))} ;;\n`;
}
