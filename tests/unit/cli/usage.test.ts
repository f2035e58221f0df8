import { expect, test } from "bun:test";
import { commands } from "../../../src/cli/commands.ts";
import { commandUsage } from "../../../src/cli/usage.ts";

const build = { version: "1.2.3", commit: "0123abc", bun: "1.0.0" };

test.each([...commands])(
  "the help of %s names every flag, with its default and without colours",
  async (name, command) => {
    const help = await commandUsage(name, command, build);

    for (const flag of Object.values(command.flags)) {
      const line = help.split("\n").find((candidate) => new RegExp(`^ +--${flag.name}(=<|  )`).test(candidate));
      expect([flag.name, line]).toEqual([flag.name, expect.stringContaining(flag.description)]);
      if (flag.default !== undefined) {
        expect(line).toContain(`(Default: ${flag.default})`);
      }
    }
    expect(help).not.toContain("\u001b");
    expect(help).not.toMatch(/ $/m);
  },
);

test("a flag that is on by default shows how to turn it off", async () => {
  const help = await commandUsage("x", { summary: "X", flags: commands.get("agent")?.flags ?? {} }, build);

  expect(help).toMatch(/^ +--no-iptables-remove$/m);
});
