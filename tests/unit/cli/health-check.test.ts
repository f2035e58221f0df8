import { expect, test } from "bun:test";
import { reportHealth } from "../../../src/cli/health.ts";
import { type AskHealth, checkHealth, type HealthAnswer } from "../../../src/cli/health-check.ts";
import { createFakeClock } from "../../fakes/clock.ts";
import { createFakeCommandIo } from "../../fakes/command-io.ts";

const never = new AbortController().signal;
const ok: HealthAnswer = { kind: "ok", message: "ok" };
const refused: HealthAnswer = { kind: "failed", reason: "connection refused" };

/** Answers one after the other, the last one for ever. */
function answering(...answers: readonly HealthAnswer[]): { readonly ask: AskHealth; readonly asked: number[] } {
  const asked: number[] = [];
  return {
    asked,
    ask: async () => answers[Math.min(asked.push(0), answers.length) - 1] ?? refused,
  };
}

const silent: AskHealth = (signal) =>
  new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));

test("a server that is well is asked once", async () => {
  const { ask, asked } = answering(ok);

  const answer = await checkHealth(ask, 1000, createFakeClock(), never);

  expect(answer).toEqual(ok);
  expect(asked.length).toBe(1);
});

test("one that is not is asked again every 100 ms", async () => {
  const clock = createFakeClock();
  const { ask, asked } = answering(refused, refused, ok);
  const checking = checkHealth(ask, 1000, clock, never);

  await clock.advance(99);
  const before = asked.length;
  await clock.advance(101);

  expect(before).toBe(1);
  expect(await checking).toEqual(ok);
  expect(clock.timers).toBe(0);
});

test("when the time is up, the last reason stands", async () => {
  const clock = createFakeClock();
  const { ask, asked } = answering(refused);
  const checking = checkHealth(ask, 1000, clock, never);

  await clock.advance(1000);

  expect(await checking).toEqual(refused);
  expect(asked.length).toBe(10);
});

test("a reason that was given is not hidden by the time running out", async () => {
  const clock = createFakeClock();
  let turn = 0;
  const checking = checkHealth(
    (signal) => (turn++ === 0 ? Promise.resolve(refused) : silent(signal)),
    1000,
    clock,
    never,
  );

  await clock.advance(1000);

  expect(await checking).toEqual(refused);
});

test("an answer that comes as the time is up is not made up for", async () => {
  const clock = createFakeClock();
  const checking = checkHealth(silent, 1000, clock, never);

  await clock.advance(1000);

  expect(await checking).toEqual({ kind: "failed", reason: "no answer within 1000 ms" });
});

test("a signal ends it", async () => {
  const stopping = new AbortController();
  const checking = checkHealth(silent, 1000, createFakeClock(), stopping.signal);

  stopping.abort(new Error("SIGTERM"));

  expect(await checking).toEqual({ kind: "failed", reason: "interrupted" });
});

test("an asker that breaks is not a sick server", async () => {
  const checking = checkHealth(() => Promise.reject(new TypeError("broken")), 1000, createFakeClock(), never);

  await expect(checking).rejects.toThrow("broken");
});

test.each([
  [ok, 0, { stdout: 'healthy: "ok"\n', stderr: "" }],
  [refused, 1, { stdout: "", stderr: "kiam health: [::1]:9610 is not healthy: connection refused\n" }],
])("%j is exit code %d and one line", async (answer, expected, written) => {
  const io = createFakeCommandIo();
  const flags = { serverAddress: { host: "::1", port: 9610 }, timeoutMs: 50 };
  const reporting = reportHealth(answering(answer).ask, flags, io);

  await io.clock.advance(50);

  expect(await reporting).toBe(expected);
  expect(io.written).toEqual(written);
});
