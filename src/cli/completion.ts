import { bashCompletion } from "./completion-bash.ts";
import { fishCompletion } from "./completion-fish.ts";
import { type Completed, shells } from "./completion-words.ts";
import { zshCompletion } from "./completion-zsh.ts";
import type { CommandIo } from "./io.ts";
import { nearest } from "./nearest.ts";

const scripts = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const;

const usage = `Print a script that has a shell complete kiam's commands and flags

Usage: kiam completion ${shells.join("|")}

  bash   source <(kiam completion bash)
         or: kiam completion bash > /etc/bash_completion.d/kiam
  zsh    kiam completion zsh > "\${fpath[1]}/_kiam"
  fish   kiam completion fish > ~/.config/fish/completions/kiam.fish
`;

/** Prints the script for a shell. @param argv what follows the command's name */
export function runCompletion(
  argv: readonly string[],
  commands: Completed,
  io: Pick<CommandIo, "stdout" | "stderr">,
): number {
  if (argv.includes("--help") || argv.includes("-h")) {
    io.stdout(usage);
    return 0;
  }
  const [named = "", ...rest] = argv;
  const shell = shells.find((each) => each === named);
  if (shell === undefined || rest.length > 0) {
    io.stderr(`kiam completion: ${problemOf(named, rest)}\n`);
    return 2;
  }
  io.stdout(scripts[shell](commands));
  return 0;
}

function problemOf(named: string, [extra]: readonly string[]): string {
  if (named === "") {
    return `which shell? One of ${shells.join(", ")}`;
  }
  const meant = nearest(named, shells);
  return extra !== undefined && meant === named
    ? `unexpected argument ${JSON.stringify(extra)}`
    : `unknown shell ${JSON.stringify(named)}${meant === undefined ? `; one of ${shells.join(", ")}` : `, did you mean ${meant}?`}`;
}
