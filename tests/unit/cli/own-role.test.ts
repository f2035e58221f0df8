import { expect, test } from "bun:test";
import { followOwnRole } from "../../../src/cli/own-role.ts";
import { createFakeClock } from "../../fakes/clock.ts";
import { createRecordingLogger } from "../../fakes/recording-logger.ts";
import { aRole } from "../../fakes/roles.ts";

const role = aRole("arn:aws:iam::123456789012:role/kiam-server");
const asRole = "arn:aws:sts::123456789012:assumed-role/kiam-server/session";
const asUser = "arn:aws:iam::123456789012:user/somebody";

class Throttling extends Error {
  override readonly name = "Throttling";
}

/** A server that asks STS who it is; each answer is a text or an error, and the last one stays. */
async function follow(...answers: readonly (string | Error | "never")[]) {
  const clock = createFakeClock();
  const logger = createRecordingLogger();
  const stopping = new AbortController();
  let asked = 0;
  let changes = 0;
  let isKnown = false;
  const own = followOwnRole({
    sts: {
      async callerArn() {
        const answer = answers[Math.min(asked, answers.length - 1)] ?? asUser;
        asked += 1;
        if (answer instanceof Error) {
          throw answer;
        }
        return answer === "never" ? new Promise<string>(() => undefined) : answer;
      },
    },
    ...{ clock, logger },
    random: () => 0.999,
    onChange: () => {
      changes += 1;
    },
  });
  const running = own.run(stopping.signal);
  running.catch(() => undefined);
  void own.known.then(() => {
    isKnown = true;
  });
  await clock.advance(0);
  return {
    ...{ clock, own, running },
    messages: () => logger.lines.map(({ level, message }) => `${level}: ${message}`),
    seen: () => ({ asked, changes, isKnown, roles: own.roles() }),
    stop: () => stopping.abort(new Error("stopped")),
  };
}

test("the role that STS names is known at once, and told", async () => {
  const server = await follow(asRole);

  await server.running;

  expect(server.seen()).toEqual({ asked: 1, changes: 1, isKnown: true, roles: [role] });
});

test("a server that acts as no role has none to keep to itself", async () => {
  const server = await follow(asUser);

  await server.running;

  expect(server.seen()).toEqual({ asked: 1, changes: 0, isKnown: true, roles: [] });
  expect(server.messages()).toEqual(["info: this server acts as no role"]);
});

test("a STS that fails does not keep the server from serving, and is asked again at least every 10 s", async () => {
  const server = await follow(new Throttling("slow down"), ...Array(8).fill(new Throttling("slow down")), asRole);

  const atFirst = server.seen();
  await server.clock.advance(75_000);

  expect(atFirst).toEqual({ asked: 1, changes: 0, isKnown: true, roles: [] });
  expect(server.seen()).toEqual({ asked: 10, changes: 1, isKnown: true, roles: [role] });
  expect(server.messages()).toEqual([
    "warn: STS does not say who this server is (Throttling: STS asks for fewer calls): pods get no new credentials while that lasts",
    "info: this server's own role, which no pod is given",
  ]);
});

test("serving waits a second and a half for a STS that does not answer, and no longer", async () => {
  const server = await follow("never");

  await server.clock.advance(1_499);
  const before = server.seen().isKnown;
  await server.clock.advance(1);

  expect([before, server.seen().isKnown]).toEqual([false, true]);
});

test("it stops when it is told to", async () => {
  const server = await follow(new Throttling("slow down"));

  server.stop();

  await expect(server.running).rejects.toThrow("stopped");
});
