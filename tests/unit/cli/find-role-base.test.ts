import { expect, test } from "bun:test";
import type { MetadataAnswer } from "../../../src/aws/metadata-service.ts";
import { findRoleBaseInTime } from "../../../src/cli/find-role-base.ts";
import { neverAborted } from "../../../src/runtime/abort.ts";
import { createFakeClock } from "../../fakes/clock.ts";
import { createRecordingLogger } from "../../fakes/recording-logger.ts";

const found: MetadataAnswer = {
  kind: "found",
  text: '{"InstanceProfileArn":"arn:aws:iam::123456789012:instance-profile/node"}',
};
const lost: MetadataAnswer = { kind: "failed", problem: "lost" };

/** STS is away; the metadata service answers in order, the last again and again. */
function finding(answers: readonly (MetadataAnswer | "silence")[], signal = neverAborted()) {
  const clock = createFakeClock();
  const logger = createRecordingLogger();
  let asked = 0;
  const get = async () => {
    asked += 1;
    const answer = answers[Math.min(asked, answers.length) - 1] ?? lost;
    return answer === "silence" ? await new Promise<MetadataAnswer>(() => undefined) : answer;
  };
  const sts = { callerArn: () => Promise.reject(Object.assign(new Error("away"), { code: "ECONNREFUSED" })) };
  const result = findRoleBaseInTime({ metadata: { get }, sts, clock, random: () => 0.5, logger }, signal);
  return { result, clock, logger, asked: () => asked };
}

const reason = "lost; STS does not say who this is (ECONNREFUSED: STS could not be reached (ECONNREFUSED))";

test("the base is told with where it is from", async () => {
  const { result, logger } = finding([found]);

  expect(await result).toEqual({ kind: "base", baseArn: "arn:aws:iam::123456789012:role/" });
  expect(logger.lines.map(({ message, fields }) => [message, fields])).toEqual([
    ["using detected prefix", { prefix: "arn:aws:iam::123456789012:role/", source: "the metadata service" }],
  ]);
});

test("an instance that is not well yet is asked again, and warned of once", async () => {
  const { result, clock, logger } = finding([...Array(8).fill(lost), found]);

  await clock.advance(10_000);

  expect(await result).toMatchObject({ kind: "base" });
  expect(logger.lines.filter(({ level }) => level === "warn").map(({ message }) => message)).toEqual([
    `--role-base-arn-autodetect: ${reason}: trying again`,
  ]);
});

test("after half a minute there is no base, and one line says why and what to do", async () => {
  const { result, clock } = finding([lost]);
  let isDone = false;
  void result.then(() => {
    isDone = true;
  });

  await clock.advance(29_999);
  const early = isDone;
  await clock.advance(1);

  expect(early).toBe(false);
  expect(await result).toEqual({
    kind: "problem",
    problem: `--role-base-arn-autodetect: ${reason}: give --role-base-arn instead`,
  });
});

test("who is told to stop while it looks is not told of a problem", async () => {
  const stopping = new AbortController();
  const { result, clock } = finding([lost], stopping.signal);

  await clock.advance(1_000);
  stopping.abort(new Error("stopped"));

  await expect(result).rejects.toThrow("stopped");
});
