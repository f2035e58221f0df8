import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { commands } from "../../src/cli/commands.ts";
import { dispatch } from "../../src/cli/dispatch.ts";
import { spellings } from "../../src/cli/flag-table.ts";
import { createFakeCommandIo } from "../fakes/command-io.ts";

// What the shells themselves make of the scripts.

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "kiam-completion-"));
  await writeFile(join(directory, "kiam.bash"), await script("bash"));
  await writeFile(join(directory, "_kiam"), await script("zsh"));
  await writeFile(join(directory, "kiam.fish"), await script("fish"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function script(shell: string): Promise<string> {
  const io = createFakeCommandIo();
  await dispatch(["completion", shell], io);
  return io.written.stdout;
}

async function output(...argv: readonly string[]): Promise<readonly string[]> {
  const env = { PATH: process.env["PATH"], HOME: directory, TERM: "dumb" };
  const child = Bun.spawn([...argv], { env, stdin: "ignore", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  expect([argv[0], stderr]).toEqual([argv[0], ""]);
  return stdout.split("\n").filter((line) => line !== "");
}

/** What each shell offers where a Tab is typed at the end of the line. */
const offers: Readonly<Record<string, (line: string) => Promise<readonly string[]>>> = {
  bash(line) {
    const words = line.split(/ |(=)/).filter((word) => word !== undefined);
    // At an equals sign readline's last word is that sign.
    const typed = words.at(-2) === "=" && words.at(-1) === "" ? words.slice(0, -1) : words;
    const program = `source ${directory}/kiam.bash; complete -p kiam >/dev/null || exit
      COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _kiam; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return output("bash", "--norc", "-c", program, "bash", ...typed);
  },
  async zsh(line) {
    const found = await output("zsh", "-f", join(import.meta.dir, "complete-in-zsh.zsh"), directory, line);
    return [...new Set(found)]; // It tries several ways, one after the other.
  },
  async fish(line) {
    const program = `source ${directory}/kiam.fish; complete -C ${JSON.stringify(line)}`;
    const found = await output("fish", "--no-config", "-c", program);
    return found.map((each) => each.replace(/\t.*/, "").replace(/^--[a-z-]+=/, ""));
  },
};

describe.each(Object.entries(offers))("%s", (_, offer) => {
  test.each([
    ["kiam s", ["server"]],
    ["kiam agent --imds", ["--imds-tokens"]],
    ["kiam agent --imds-tokens ", ["optional", "required"]],
    ["kiam agent --imds-tokens=", ["optional", "required"]],
    ["kiam agent --imds-tokens=o", ["optional"]],
    ["kiam agent --json-log --lev", ["--level"]],
    ["kiam agent --no-ipt", ["--no-iptables", "--no-iptables-remove"]],
    ["kiam server --sts-r", ["--sts-region"]],
    ["kiam server --agent-identity p", ["prefer"]],
    ["kiam server --statsd", []],
    ["kiam server --port", []],
    ["kiam health --timeout ", []],
    ["kiam completion ", ["bash", "fish", "zsh"]],
    ["kiam help ce", ["certs"]],
  ])("completes %j", async (line, expected) => {
    const found = await offer(line);

    expect(found.toSorted()).toEqual(expected);
  });

  test("completes the names of commands", async () => {
    const found = await offer("kiam ");

    expect(found).toEqual(expect.arrayContaining([...commands.keys(), "help"]));
  });

  test("completes files, and where a directory is wanted only those", async () => {
    await Promise.all(["with-file", "with-directory/x"].map((name) => Bun.write(join(directory, name), "")));
    const start = join(directory, "with-");

    const found = await Promise.all([offer(`kiam agent --cert ${start}`), offer(`kiam certs --out ${start}`)]);

    const names = found.map((each) => each.map((path) => path.replace(/\/$/, "").replace(/.*\//, "")).toSorted());
    expect(names).toEqual([["with-directory", "with-file"], ["with-directory"]]);
  });

  test("completes every flag that does something, of every command", async () => {
    const found = await Promise.all([...commands.keys()].map(async (name) => [name, await offer(`kiam ${name} --`)]));

    expect(Object.fromEntries(found.map(([name, offered]) => [name, [...(offered ?? [])].toSorted()]))).toEqual(
      Object.fromEntries([...commands].map(([name, { flags }]) => [name, longFlags(Object.values(flags))])),
    );
  });
});

function longFlags(flags: readonly Parameters<typeof spellings>[0][]): readonly string[] {
  const useful = flags.filter((flag) => flag.obsolete === undefined);
  const negations = useful.filter(({ kind }) => kind.negated !== undefined).map(({ name }) => `--no-${name}`);
  const spelled = useful.flatMap(spellings).filter((spelling) => spelling.startsWith("--"));
  return [...spelled, ...negations, "--help"].toSorted();
}
