import { readFile } from "node:fs/promises";
import { invisible } from "../domain/invisible.ts";
import type { CommandIo } from "./io.ts";
import { comparer, isUnchanged } from "./permitted/compare.ts";
import { readList } from "./permitted/read-list.ts";
import type { PermittedFlags } from "./permitted-flags.ts";

/**
 * Lists, separated by tabs, which namespaces' patterns say something else now of their pods' roles than they said to the Go releases.
 * Answers 1 where there are any, as diff does.
 */
export async function runPermitted(
  flags: Pick<PermittedFlags, "file" | "roleBaseArn" | "disableStrictNamespaceRegexp">,
  io: Pick<CommandIo, "stdout" | "stderr">,
): Promise<number> {
  const read = readList(await readFile(flags.file, "utf8"));
  if (read.kind === "problem") {
    io.stderr(`kiam permitted: ${flags.file} ${read.problem}\n`);
    return 2;
  }
  const compare = comparer({
    roleBaseArn: flags.roleBaseArn,
    matching: flags.disableStrictNamespaceRegexp ? "anywhere" : "whole",
  });
  const changed = read.roles.map(compare).filter((each) => !isUnchanged(each));
  const lines = [
    ...changed.map(({ namespace, pattern, annotated, v3, v4, now }) => [namespace, pattern, annotated, v3, v4, now]),
    ...read.untried.map(({ namespace, pattern }) => [namespace, pattern, "(no pod)", "?", "?", "?"]),
  ];
  if (lines.length > 0) {
    io.stdout([["NAMESPACE", "PATTERN", "ROLE", "V3", "V4", "NOW"], ...lines].map(toLine).join(""));
  }
  io.stderr(
    `kiam permitted: of ${read.roles.length} roles that pods have in namespaces with a pattern, ${changed.length} are judged differently; ${read.untried.length} patterns have no pod to be tried on\n`,
  );
  return changed.length > 0 ? 1 : 0;
}

/** Annotations are anybody's text: what would move a terminal's cursor, or end a column, is written out. */
function toLine(columns: readonly string[]): string {
  const escaped = columns.map((column) =>
    column.replace(invisible, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`),
  );
  return `${escaped.join("\t")}\n`;
}
