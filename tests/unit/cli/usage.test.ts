import { describe, expect, test } from "bun:test";
import { commands } from "../../../src/cli/commands.ts";
import { durationMs } from "../../../src/cli/flag-kind.ts";
import { spellings, variablesOf } from "../../../src/cli/flag-table.ts";
import { commandUsage, rootUsage } from "../../../src/cli/usage.ts";

const build = { version: "1.2.3", commit: "0123abc", bun: "1.0.0" };

/** What help says of the flag: its own line, and those below that are indented further, joined. */
function sectionOf(help: string, name: string): { readonly line: string; readonly text: string } {
  const lines = help.split("\n");
  const start = lines.findIndex((line) => new RegExp(`^  --(\\[no-\\])?${name}(=|\\[|,|$)`).test(line));
  const below = lines.slice(start + 1);
  const end = below.findIndex((line) => !line.startsWith("      "));
  return {
    line: lines[start] ?? "",
    text: below
      .slice(0, end)
      .map((line) => line.trim())
      .join(" "),
  };
}

describe.each([...commands])("the help of %s", (name, command) => {
  const help = commandUsage(name, command, build);
  const table = Object.values(command.flags);

  test("names every flag once, with its default, its variables and what it does", () => {
    for (const flag of table) {
      const { line, text } = sectionOf(help, flag.name);

      expect([flag.name, text]).toEqual([flag.name, expect.stringContaining(flag.description)]);
      expect([flag.name, text.includes("[default: ")]).toEqual([flag.name, flag.default !== undefined]);
      expect(text).toContain(flag.default === undefined ? "" : `[default: ${flag.default}]`);
      expect(text).toContain(`[environment: ${variablesOf(flag).join(", ")}]`);
      expect(text.includes("[required]")).toBe(flag.required === true);
      expect(text).toContain(flag.obsolete ?? "");
      for (const spelling of spellings(flag)) {
        expect(line).toContain(spelling.slice(2));
      }
    }
    expect(help.match(/^ {2}--/gm)?.length ?? 0).toBe(table.length);
  });

  test("fits a terminal, but for names that are longer", () => {
    const long = help.split("\n").filter((line) => line.length > 100 && !/^ +\[|^ {2}--/.test(line));

    expect(long).toEqual([]);
    expect(help).not.toMatch(/ $/m);
    expect(help).not.toContain("\u001b");
  });

  test("has what does nothing at its end", () => {
    const headings = [...help.matchAll(/^\S.*:$/gm)].map(([heading]) => heading);
    const isLast = headings.indexOf("For manifests of the Go release; these do nothing, and are warned of:");

    expect([-1, headings.length - 1]).toContain(isLast);
    expect(isLast >= 0).toBe(table.some((flag) => flag.obsolete !== undefined));
  });
});

test("flags show how they are written", () => {
  const help = commandUsage("agent", { summary: "", flags: commands.get("agent")?.flags ?? {} }, build);

  expect(help).toContain("\n  --[no-]iptables-remove\n");
  expect(help).toContain("\n  --iptables[=<interface>]\n");
  expect(help).toContain("\n  --allow-route-regexp=<text>, --whitelist-route-regexp=<text>\n");
  expect(help).toContain("Usage: kiam agent --cert=<file> --key=<file> --ca=<file> [FLAG]...\n");
});

test("groups come in one order, whatever that of the table", () => {
  const flag = { kind: durationMs, description: "X" } as const;
  const flags = {
    a: { ...flag, name: "a", group: "Compatibility", obsolete: "y" },
    b: { ...flag, name: "b", group: "STS" },
    c: { ...flag, name: "c", group: "Mutual TLS" },
  } as const;

  const help = commandUsage("x", { summary: "", flags }, build);

  expect(help.match(/--[abc]=/g)).toEqual(["--c=", "--b=", "--a="]);
});

test("the help of the whole names every command with what it does", () => {
  const help = rootUsage(commands, build);

  for (const [name, { summary }] of commands) {
    expect(help).toMatch(new RegExp(`^  ${name} +\\S`, "m"));
    expect(help).toContain(summary);
  }
  expect(help).toContain("1.2.3");
});
