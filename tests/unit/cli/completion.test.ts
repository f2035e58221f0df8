import { expect, test } from "bun:test";
import { commands } from "../../../src/cli/commands.ts";
import { runCompletion } from "../../../src/cli/completion.ts";
import { createFakeCommandIo } from "../../fakes/command-io.ts";

test.each([
  [[], "which shell? One of bash, zsh, fish"],
  [["bsh"], 'unknown shell "bsh", did you mean bash?'],
  [["powershell"], 'unknown shell "powershell"; one of bash, zsh, fish'],
  [["--fish"], 'unknown shell "--fish", did you mean fish?'],
  [["fish", "zsh"], 'unexpected argument "zsh"'],
  [["a\nb"], 'unknown shell "a\\nb"; one of bash, zsh, fish'],
])("%j is refused in one line", (argv, expected) => {
  const io = createFakeCommandIo();

  const exitCode = runCompletion(argv, commands, io);

  expect(exitCode).toBe(2);
  expect(io.written).toEqual({ stdout: "", stderr: `kiam completion: ${expected}\n` });
});

test("help says where each shell looks for its script", () => {
  const io = createFakeCommandIo();

  const exitCode = runCompletion(["bash", "--help"], commands, io);

  expect(exitCode).toBe(0);
  for (const shell of ["bash", "zsh", "fish"]) {
    expect(io.written.stdout).toContain(`kiam completion ${shell}`);
  }
});
