import { expect, test } from "bun:test";
import { OwnCredentialsError } from "../../../src/aws/own-credentials-error.ts";
import { followOwnRole } from "../../../src/cli/own-role.ts";
import type { AssumeRole } from "../../../src/domain/issue.ts";
import type { RoleArn } from "../../../src/domain/role-arn.ts";
import { neverAborted } from "../../../src/runtime/abort.ts";
import { createFakeClock, settle } from "../../fakes/clock.ts";
import { someCredentials } from "../../fakes/node-pods.ts";
import { createRecordingLogger } from "../../fakes/recording-logger.ts";
import { aRole } from "../../fakes/roles.ts";
import { identityOf } from "../../fakes/sts.ts";

const ownArn = "arn:aws:sts::123456789012:assumed-role/kiam-server/i-0abc";
const never = neverAborted();

/** The answers of STS to who the server is are the test's, in order; the last one stays. */
function following(...answers: readonly (string | Error | "silence")[]) {
  return followingAs(undefined, ...answers);
}

/** A server that was told to act as the role. */
function followingAs(assumedRole: RoleArn | undefined, ...answers: readonly (string | Error | "silence")[]) {
  const clock = createFakeClock();
  const logger = createRecordingLogger();
  const asked: string[] = [];
  const assumed: string[] = [];
  let changes = 0;
  let calls = 0;
  const own = followOwnRole({
    sts: {
      async callerArn() {
        const answer = answers[Math.min(calls, answers.length - 1)] ?? "";
        calls += 1;
        asked.push(String(answer));
        if (answer === "silence") {
          return await new Promise<string>(() => undefined);
        }
        if (answer instanceof Error) {
          throw answer;
        }
        return answer;
      },
    },
    assumedRole,
    clock,
    random: () => 0.5,
    logger,
    onChange: () => {
      changes += 1;
    },
  });
  const assumeRole: AssumeRole = async ({ role }) => {
    assumed.push(role);
    return { kind: "issued", credentials: someCredentials() };
  };
  return { own, guarded: own.guard(assumeRole), clock, logger, asked, assumed, changes: () => changes };
}

const away = new OwnCredentialsError(new Error("nothing in the chain"));
const refused = Object.assign(new Error("not authorized"), { Code: "AccessDenied", $fault: "client" });

test("no role is assumed before STS has said who the server is", async () => {
  const { guarded, assumed, asked } = following(away, ownArn);

  const early = await guarded(identityOf("reader"), never);
  const later = await guarded(identityOf("reader"), never);

  expect(early.kind === "failed" && early.failure.kind).toBe("own-credentials");
  expect(later.kind).toBe("issued");
  expect([asked.length, assumed.length]).toEqual([2, 1]);
});

test("the server's own role is never assumed, though policy allowed it before it was known", async () => {
  const { guarded, assumed, own } = following(ownArn);

  const result = await guarded(identityOf("some/path/kiam-server"), never);

  expect(result.kind === "failed" && result.failure.kind).toBe("refused");
  expect(assumed).toEqual([]);
  expect(own.roles()).toEqual([aRole("arn:aws:iam::123456789012:role/kiam-server")]);
});

test("the role that the server was told to assume is its own from the start, beside the one it began with", async () => {
  const acting = aRole("arn:aws:iam::999999999999:role/path/kiam-acting");
  const { own, guarded, assumed } = followingAs(acting, ownArn);
  const before = own.roles();

  const results = [
    await guarded({ role: aRole("arn:aws:iam::999999999999:role/Kiam-Acting"), sessionName: "kiam-kiam" }, never),
    await guarded(identityOf("kiam-server"), never),
    await guarded(identityOf("kiam-acting"), never),
  ];

  expect(before).toEqual([acting]);
  expect(own.roles()).toEqual([acting, aRole("arn:aws:iam::123456789012:role/kiam-server")]);
  expect(results.map((result) => result.kind === "failed" && result.failure.code)).toEqual([
    "ServersOwnRole",
    "ServersOwnRole",
    false,
  ]);
  expect(assumed.length).toBe(1);
});

test("a hundred roles wanted at once make one question, and a caller that leaves fails nobody else", async () => {
  const { guarded, assumed, asked } = following(ownArn);
  const leaving = new AbortController();

  const left = guarded(identityOf("reader"), leaving.signal);
  const others = Array.from({ length: 99 }, () => guarded(identityOf("reader"), never));
  leaving.abort(new Error("gone"));

  await expect(left).rejects.toThrow("gone");
  await Promise.all(others);
  expect([asked.length, assumed.length]).toEqual([1, 99]);
});

test("an STS that refuses to say is taken at its word: roles are assumed, and the log says what that means", async () => {
  const { guarded, assumed, logger } = following(refused);

  await guarded(identityOf("reader"), never);
  await guarded(identityOf("reader"), never);

  expect(assumed.length).toBe(2);
  expect(logger.lines.map(({ level }) => level)).toEqual(["warn"]);
});

test("an STS that never answers fails those who wait, and is asked again", async () => {
  const { guarded, clock, asked } = following("silence", ownArn);
  const waiting = guarded(identityOf("reader"), never);

  await clock.advance(20_000);
  const result = await waiting;
  const next = await guarded(identityOf("reader"), never);

  expect(result.kind === "failed" && result.failure.kind).toBe("unavailable");
  expect([next.kind, asked.length]).toEqual(["issued", 2]);
});

test("serving does not wait for an STS that is away, which is asked until it has said, and warned of once", async () => {
  const { own, clock, logger, changes } = following(away, away, ownArn);
  const stopping = new AbortController();
  const running = own.run(stopping.signal);

  await own.known;
  const before = own.roles();
  await clock.advance(10_000);
  await running;

  expect(before).toEqual([]);
  expect([own.roles().length, changes()]).toEqual([1, 1]);
  expect(logger.lines.map(({ level }) => level)).toEqual(["warn", "info"]);
});

test("an STS that is silent holds serving up for a second and a half", async () => {
  const { own, clock } = following("silence");
  const stopping = new AbortController();
  const running = own.run(stopping.signal).catch(() => undefined);
  let isKnown = false;
  void own.known.then(() => {
    isKnown = true;
  });

  await clock.advance(1_499);
  const early = isKnown;
  await clock.advance(1);
  await settle();
  stopping.abort(new Error("stop"));
  await running;

  expect([early, isKnown]).toEqual([false, true]);
});

test("a server that acts as no role has none to keep to itself", async () => {
  const { own, logger, changes } = following("arn:aws:iam::123456789012:user/somebody");

  await own.run(never);
  await own.known;

  expect([own.roles(), changes()]).toEqual([[], 0]);
  expect(logger.lines.map(({ message }) => message)).toEqual(["this server acts as no role"]);
});

test("asking ends when the server is told to stop", async () => {
  const { own } = following(away);
  const stopping = new AbortController();
  const running = own.run(stopping.signal);
  await own.known;

  stopping.abort(new Error("stopped"));

  await expect(running).rejects.toThrow("stopped");
});
