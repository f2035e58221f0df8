import { expect, test } from "bun:test";
import { neverAborted } from "../../../src/runtime/abort.ts";
import { CommandMissing, runCommand } from "../../../src/runtime/command.ts";

test("a program's output and exit code come back, whatever the code", async () => {
  const result = await runCommand(["sh", "-c", "echo out; echo err >&2; exit 3"], {}, neverAborted());

  expect(result).toEqual({ exitCode: 3, stdout: "out\n", stderr: "err\n" });
});

test("a program reads what it is given, and nothing where it is given nothing", async () => {
  const given = await runCommand(["cat"], { stdin: "héllo" }, neverAborted());
  const none = await runCommand(["cat"], {}, neverAborted());

  expect(given.stdout).toBe("héllo");
  expect(none.stdout).toBe("");
});

test("a program that does not read what it is given is no failure", async () => {
  const result = await runCommand(["true"], { stdin: "x".repeat(1_000_000) }, neverAborted());

  expect(result.exitCode).toBe(0);
});

test("an environment given is the whole environment", async () => {
  const result = await runCommand(["/usr/bin/env"], { env: { ONLY: "this" } }, neverAborted());

  expect(result.stdout).toBe("ONLY=this\n");
});

test("a program that a signal ends has the exit code that shells give it", async () => {
  const result = await runCommand(["sh", "-c", "kill -TERM $$"], {}, neverAborted());

  expect(result.exitCode).toBe(143);
});

test.each([["kiam-has-no-such-program"], ["/nonexistent/program"], [""]])(
  "a program that is not there is named: %p",
  async (program) => {
    const running = runCommand([program], {}, neverAborted());

    await expect(running).rejects.toBeInstanceOf(CommandMissing);
    await expect(running).rejects.toThrow(`${program} is not installed, or not in PATH`);
  },
);

test("an abort ends the program", async () => {
  const controller = new AbortController();
  const running = runCommand(["sleep", "60"], {}, controller.signal);

  controller.abort(new Error("enough"));

  await expect(running).rejects.toThrow("enough");
});

test("an abort ends the wait also when a child of the program holds its output", async () => {
  const controller = new AbortController();
  const startMs = performance.now();
  const running = runCommand(["sh", "-c", "sleep 3 & wait"], {}, controller.signal);

  controller.abort(new Error("enough"));

  await expect(running).rejects.toThrow("enough");
  expect(performance.now() - startMs).toBeLessThan(2000);
});

test("under an aborted signal nothing is run", async () => {
  const running = runCommand(["kiam-has-no-such-program"], {}, AbortSignal.abort(new Error("too late")));

  await expect(running).rejects.toThrow("too late");
});
