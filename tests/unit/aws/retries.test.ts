import { expect, test } from "bun:test";
import { issueFailureOf } from "../../../src/aws/issue-failure.ts";
import { createStsClient, givenKeys } from "../../../src/aws/sts-client.ts";
import { directly } from "../../../src/domain/egress.ts";
import { neverAborted } from "../../../src/runtime/abort.ts";
import { systemClock } from "../../../src/runtime/clock.ts";
import { callerXml, errorXml, serveFakeSts } from "../../fakes/sts.ts";

/** What becomes of one question, and how often STS was asked. */
async function outcome(answers: readonly (() => Response | Promise<Response>)[], requestTimeoutMs = 5_000) {
  let asked = 0;
  await using server = serveFakeSts(() => {
    asked += 1;
    return (answers[asked - 1] ?? (() => errorXml(403, "Surplus", "")))();
  });
  using sts = createStsClient({
    ...{ egress: directly, clock: systemClock, requestTimeoutMs },
    endpoint: { url: server.url, signingRegion: "us-east-1" },
    credentials: givenKeys("AKIAOWN", "own"),
  });
  const said = await sts.callerArn(neverAborted()).catch((error: unknown) => issueFailureOf(error, undefined).code);
  return [said, asked];
}

const ok = () => callerXml("arn:aws:iam::1:user/kiam");
const of = (status: number, code: string) => () => errorXml(status, code, "no");

test.each([
  ["Throttling", 400],
  ["ThrottlingException", 400],
  ["SlowDown", 503],
  ["RequestLimitExceeded", 503],
  ["TooManyRequests", 429],
])("%s (%i) is one request", async (code, status) => {
  expect(await outcome([of(status, code), ok])).toEqual([code, 1]);
});

test("a 5xx is asked again, three times at most", async () => {
  const failing = of(500, "InternalFailure");

  expect(await outcome([failing, failing, ok])).toEqual(["arn:aws:iam::1:user/kiam", 3]);
  expect(await outcome([failing, failing, failing, ok])).toEqual(["InternalFailure", 3]);
});

test("throttling after a 5xx ends it", async () => {
  expect(await outcome([of(502, "BadGateway"), of(400, "Throttling"), ok])).toEqual(["Throttling", 2]);
});

test("a refusal is one request", async () => {
  expect(await outcome([of(403, "AccessDenied"), ok])).toEqual(["AccessDenied", 1]);
});

test("silence is one request", async () => {
  expect(await outcome([() => Promise.withResolvers<Response>().promise, ok], 50)).toEqual(["ETIMEDOUT", 1]);
});

test("an STS that is down is not asked three times a call for long, and is again once it is well", async () => {
  let isWell = false;
  let asked = 0;
  await using server = serveFakeSts(() => {
    asked += 1;
    return isWell ? ok() : errorXml(503, "ServiceUnavailable", "no");
  });
  using sts = createStsClient({
    ...{ egress: directly, clock: systemClock },
    endpoint: { url: server.url, signingRegion: "us-east-1" },
    credentials: givenKeys("AKIAOWN", "own"),
  });
  const call = () => sts.callerArn(neverAborted()).catch(() => undefined);

  for (let time = 0; time < 10; time += 1) {
    await call();
  }
  expect(asked).toBe(20);
  isWell = true;
  await call();
  isWell = false;
  await call();

  expect(asked).toBe(23);
});
