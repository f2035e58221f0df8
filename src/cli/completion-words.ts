import type { Command } from "./command.ts";
import type { Flag } from "./flag-table.ts";

export const shells = ["bash", "zsh", "fish"] as const;

/** What is completed: the commands by name. */
export type Completed = ReadonlyMap<string, Pick<Command, "summary" | "flags">>;

/** What follows a command whose words are no flags. */
export function wordsAfter(command: string, commands: Completed): readonly string[] {
  switch (command) {
    case "completion":
      return shells;
    case "help":
      return [...commands.keys()];
    default:
      return [];
  }
}

/** A command's flags that are worth typing: without those that are only there for old manifests. */
export function offeredFlags({ flags }: Pick<Command, "flags">): readonly Flag[] {
  return Object.values(flags).filter((flag) => flag.obsolete === undefined);
}

/** `--no-…`, where there is such a flag. */
export function negationOf({ name, kind }: Flag): string | undefined {
  return kind.negated === undefined ? undefined : `--no-${name}`;
}

/** A text for a shell between single quotes, as bash and zsh read them. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
