import { expect, test } from "bun:test";
import { createExecPlugin } from "../../../src/kubernetes/exec-plugin.ts";
import { neverAborted } from "../../../src/runtime/abort.ts";
import type { CommandResult, RunCommand } from "../../../src/runtime/command.ts";
import { createFakeClock, settle } from "../../fakes/clock.ts";

const command = {
  apiVersion: "client.authentication.k8s.io/v1",
  argv: ["aws", "eks", "get-token"],
  env: { AWS_PROFILE: "admin" },
};
const wrote = (status: unknown): CommandResult => ({ exitCode: 0, stdout: JSON.stringify({ status }), stderr: "" });

/** Runs of the plugin that the test ends. */
function createRuns() {
  const runs: { argv: readonly string[]; env: unknown; end: (result: CommandResult) => void; signal: AbortSignal }[] =
    [];
  const run: RunCommand = async (argv, { env }, signal) => {
    const { promise, resolve, reject } = Promise.withResolvers<CommandResult>();
    signal.addEventListener("abort", () => reject(signal.reason));
    runs.push({ argv, env, end: resolve, signal });
    return await promise;
  };
  return { runs, run };
}

test("the plugin is told who asks, in its environment", async () => {
  const { runs, run } = createRuns();
  const cluster = { server: "https://api.example" };
  const plugin = createExecPlugin({ ...command, cluster }, { run, clock: createFakeClock(), env: { PATH: "/bin" } });

  void plugin.credential(neverAborted());

  expect(runs[0]?.argv).toEqual(["aws", "eks", "get-token"]);
  expect(runs[0]?.env).toEqual({
    PATH: "/bin",
    AWS_PROFILE: "admin",
    KUBERNETES_EXEC_INFO: JSON.stringify({
      apiVersion: "client.authentication.k8s.io/v1",
      kind: "ExecCredential",
      spec: { interactive: false, cluster },
    }),
  });
});

test("those who ask at the same time share one run, and one who gives up ends it for nobody", async () => {
  const { runs, run } = createRuns();
  const plugin = createExecPlugin(command, { run, clock: createFakeClock(), env: {} });
  const impatient = new AbortController();

  const abandoned = plugin.credential(impatient.signal);
  const patient = plugin.credential(neverAborted());
  impatient.abort(new Error("gave up"));
  runs[0]?.end(wrote({ token: "t" }));

  await expect(abandoned).rejects.toThrow("gave up");
  expect(await patient).toEqual({ kind: "credential", token: "t" });
  expect(runs).toHaveLength(1);
});

test("a credential is used until ten seconds before it expires", async () => {
  const { runs, run } = createRuns();
  const clock = createFakeClock();
  const plugin = createExecPlugin(command, { run, clock, env: {} });
  const expirationTimestamp = new Date(clock.now() + 60_000).toISOString();

  const first = plugin.credential(neverAborted());
  runs[0]?.end(wrote({ token: "t", expirationTimestamp }));
  await first;
  await clock.advance(49_999);
  await plugin.credential(neverAborted());
  const before = runs.length;
  await clock.advance(1);
  void plugin.credential(neverAborted());

  expect([before, runs.length]).toEqual([1, 2]);
});

test("a plugin that hangs is stopped after a minute, and run again for the next who asks", async () => {
  const { runs, run } = createRuns();
  const clock = createFakeClock();
  const plugin = createExecPlugin(command, { run, clock, env: {} });

  const asked = plugin.credential(neverAborted());
  await clock.advance(60_000);
  const answer = await asked;
  void plugin.credential(neverAborted());
  await settle();

  expect(answer).toEqual({ kind: "unusable", problem: "credential plugin aws: no answer within 60000 ms" });
  expect([runs[0]?.signal.aborted, runs.length]).toEqual([true, 2]);
});

test.each([
  ["a failure", { exitCode: 3, stdout: "", stderr: "expired\nlog in" }, "exit code 3: expired"],
  ["no JSON", { exitCode: 0, stdout: "secret text", stderr: "" }, "it did not write JSON"],
  ["no credential", wrote({}), "it gave neither a token nor a certificate"],
])("%s is not remembered, and what was written is not told", async (_, result, problem) => {
  const { runs, run } = createRuns();
  const plugin = createExecPlugin(command, { run, clock: createFakeClock(), env: {} });

  const asked = plugin.credential(neverAborted());
  runs[0]?.end(result);
  const answer = await asked;
  void plugin.credential(neverAborted());

  expect(answer).toEqual({ kind: "unusable", problem: `credential plugin aws: ${problem}` });
  expect(runs).toHaveLength(2);
});

test("a program that is not there is told", async () => {
  const run: RunCommand = async () => {
    throw new Error("aws is not installed, or not in PATH");
  };
  const plugin = createExecPlugin(command, { run, clock: createFakeClock(), env: {} });

  expect(await plugin.credential(neverAborted())).toEqual({
    kind: "unusable",
    problem: "credential plugin aws: aws is not installed, or not in PATH",
  });
});
