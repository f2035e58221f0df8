import { stripVTControlCharacters } from "node:util";
import { type ArgDef, type ArgsDef, defineCommand, renderUsage } from "citty";
import type { BuildInfo } from "./build-info.ts";
import type { Command } from "./command.ts";
import { type Flag, type FlagTable, spellings } from "./flag-table.ts";

type Described = Pick<Command, "summary" | "flags">;

const footnote = "Each flag also reads KIAM_<FLAG>. Durations are Go's: 500ms, 90s, 15m, 1h30m.";

/** Help for one command: every flag with its default. */
export async function commandUsage(name: string, command: Described, build: BuildInfo): Promise<string> {
  const shown = defineCommand({ meta: { name, description: command.summary }, args: argumentsOf(command.flags) });
  return `${await render(shown, rootOf(new Map(), build))}\n${footnote}\n`;
}

/** Help for the whole: every command. */
export async function rootUsage(commands: ReadonlyMap<string, Described>, build: BuildInfo): Promise<string> {
  return `${await render(rootOf(commands, build))}\n`;
}

function rootOf(commands: ReadonlyMap<string, Described>, build: BuildInfo) {
  const subCommands = [...commands].map(([name, { summary }]) => [
    name,
    defineCommand({ meta: { name, description: summary } }),
  ]);
  return defineCommand({
    meta: { name: "kiam", version: build.version, description: "AWS roles for the pods of a Kubernetes cluster" },
    subCommands: Object.fromEntries(subCommands),
  });
}

/** citty colours and pads whether or not anybody sees it. */
async function render(...commands: Parameters<typeof renderUsage>): Promise<string> {
  return stripVTControlCharacters(await renderUsage(...commands)).replace(/ +$/gm, "");
}

function argumentsOf(table: FlagTable): ArgsDef {
  return Object.fromEntries(Object.values(table).map((flag) => [flag.name, argumentOf(flag)]));
}

function argumentOf(flag: Flag): ArgDef {
  const others = spellings(flag).slice(1);
  const shared = {
    description: others.length === 0 ? flag.description : `${flag.description} (also ${others.join(", ")})`,
    required: flag.required === true,
  };
  const standing = flag.default === undefined ? {} : { default: flag.default };
  if (flag.kind.hint === undefined) {
    return { ...shared, type: "boolean", default: flag.default === "true", negativeDescription: "" };
  }
  return { ...shared, ...standing, type: "string", valueHint: flag.kind.hint };
}
