import { expect, test } from "bun:test";
import { commands } from "../../../src/cli/commands.ts";
import { dispatch } from "../../../src/cli/dispatch.ts";
import { createFakeCommandIo } from "../../fakes/command-io.ts";

test.each([
  [[], `kiam: which command? One of ${[...commands.keys()].join(", ")}; kiam --help tells more\n`],
  [["agnet"], 'kiam: unknown command "agnet", did you mean agent?\n'],
  [["frobnicate"], 'kiam: unknown command "frobnicate"; kiam --help lists them\n'],
  [["a\nb"], 'kiam: unknown command "a\\nb"; kiam --help lists them\n'],
  [["--port=1"], 'kiam: the command comes first, flags after it: kiam COMMAND "--port=1"\n'],
  [["help", "sevrer"], 'kiam: unknown command "sevrer", did you mean server?\n'],
  [["agent", "--hots"], 'kiam agent: unknown flag "--hots", did you mean --host?\n'],
  [
    ["certs"],
    "kiam certs: say where to: --out for a directory of PEM files, or --secrets for manifests on standard output\n",
  ],
  [["version", "more"], 'kiam version: unexpected argument "more"\n'],
])("%j is refused in one line", async (argv, expected) => {
  const io = createFakeCommandIo();

  const exitCode = await dispatch(argv, io);

  expect(exitCode).toBe(2);
  expect(io.written).toEqual({ stdout: "", stderr: expected });
});

test.each(["BUN_OPTIONS", "BUN_INSPECT", "BUN_INSPECT_CONNECT_TO"])(
  "%s stops everything, help included",
  async (name) => {
    const io = createFakeCommandIo({ [name]: "x" });

    const exitCode = await dispatch(["--help"], io);

    expect(exitCode).toBe(2);
    expect(io.written.stderr).toBe(`kiam: ${name} is set, which lets others run code in this process; unset it\n`);
  },
);

test("an empty BUN_OPTIONS is how a manifest unsets it", async () => {
  const io = createFakeCommandIo({ BUN_OPTIONS: "", BUN_INSPECT: "" });

  const exitCode = await dispatch(["--version"], io);

  expect(exitCode).toBe(0);
});

test.each([[["version"]], [["--version"]]])("%j tells version, commit and Bun's version", async (argv) => {
  const io = createFakeCommandIo();

  const exitCode = await dispatch(argv, io);

  expect(exitCode).toBe(0);
  expect(io.written).toEqual({ stdout: "kiam 1.2.3 (commit 0123abc, Bun 1.0.0)\n", stderr: "" });
});

test.each([[["--help"]], [["-h"]], [["help"]]])("%j lists every command", async (argv) => {
  const io = createFakeCommandIo();

  const exitCode = await dispatch(argv, io);

  expect(exitCode).toBe(0);
  for (const name of commands.keys()) {
    expect(io.written.stdout).toMatch(new RegExp(`^ +${name} +[A-Z]`, "m"));
  }
});

test.each([[["server", "--help"]], [["help", "server"]]])("%j tells each flag with its default", async (argv) => {
  const io = createFakeCommandIo();

  const exitCode = await dispatch(argv, io);

  expect(exitCode).toBe(0);
  expect(io.written.stdout).toContain(
    "  --session-duration=<duration>\n      How long credentials live, from 15m to 12h\n      [default: 60m] ",
  );
});

test.each(["bash", "zsh"])("the Go release's spelling prints the same script for %s", async (shell) => {
  const [io, old] = [createFakeCommandIo(), createFakeCommandIo()];

  const exitCodes = [await dispatch(["completion", shell], io), await dispatch([`--completion-script-${shell}`], old)];

  expect(exitCodes).toEqual([0, 0]);
  expect(old.written).toEqual(io.written);
  expect(io.written.stdout).toContain("_kiam");
});
