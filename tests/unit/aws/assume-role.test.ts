import { describe, expect, test } from "bun:test";
import { createAssumeRole } from "../../../src/aws/assume-role.ts";
import type { AssumedRole, AssumeRoleRequest } from "../../../src/aws/sts-client.ts";
import { neverAborted } from "../../../src/runtime/abort.ts";
import { createFakeClock } from "../../fakes/clock.ts";
import { identityOf } from "../../fakes/sts.ts";

const clock = createFakeClock();
const hourMs = 3_600_000;

const whole: AssumedRole = {
  accessKeyId: "ASIA1",
  secretAccessKey: "secret",
  sessionToken: "token",
  expiration: new Date(clock.now() + hourMs),
};

function setUp(answer: (request: AssumeRoleRequest) => AssumedRole, sessionDurationSeconds = 3600) {
  const requests: AssumeRoleRequest[] = [];
  const warnings: string[] = [];
  const assumeRole = createAssumeRole({
    sts: {
      async assumeRole(request) {
        requests.push(request);
        return answer(request);
      },
    },
    sessionDurationSeconds,
    clock,
    onWarn: (message) => warnings.push(message),
  });
  return { assumeRole, requests, warnings };
}

function refuse(code: string, message: string): never {
  throw Object.assign(new Error(message), { Code: code, $fault: "client", $metadata: { httpStatusCode: 400 } });
}

test("asks for the role in the session's name, with external id and duration", async () => {
  const { assumeRole, requests } = setUp(() => whole, 900);
  const identity = { ...identityOf("reader"), externalId: "tenant-7" };

  const result = await assumeRole(identity, neverAborted());

  expect(requests).toEqual([
    { roleArn: identity.role, sessionName: "kiam-kiam", externalId: "tenant-7", durationSeconds: 900 },
  ]);
  expect(result.kind === "issued" && result.credentials).toEqual({
    accessKeyId: "ASIA1",
    secretAccessKey: "secret",
    sessionToken: "token",
    issuedAtMs: clock.now(),
    expiresAtMs: clock.now() + hourMs,
  });
});

test("asks for whole seconds, which are all that STS takes", async () => {
  const { assumeRole, requests } = setUp(() => whole, 900.5);

  await assumeRole(identityOf("reader"), neverAborted());

  expect(requests.map(({ durationSeconds }) => durationSeconds)).toEqual([900]);
});

describe("an answer that can't be right is a failure worth another try", () => {
  test.each<[string, AssumedRole]>([
    ["without access key", { ...whole, accessKeyId: undefined }],
    ["with an empty secret", { ...whole, secretAccessKey: "" }],
    ["without token", { ...whole, sessionToken: undefined }],
    ["without expiration", { ...whole, expiration: undefined }],
    ["with an invalid expiration", { ...whole, expiration: new Date(Number.NaN) }],
    ["expired", { ...whole, expiration: new Date(clock.now()) }],
    ["lasting a day", { ...whole, expiration: new Date(clock.now() + 24 * hourMs) }],
  ])("%s", async (_, answer) => {
    const result = await setUp(() => answer).assumeRole(identityOf("reader"), neverAborted());

    expect(result.kind === "failed" && [result.failure.kind, result.failure.code]).toEqual([
      "unavailable",
      "MalformedResponse",
    ]);
  });

  test("but a life of two minutes is a life", async () => {
    const short = { ...whole, expiration: new Date(clock.now() + 120_000) };

    expect((await setUp(() => short).assumeRole(identityOf("reader"), neverAborted())).kind).toBe("issued");
  });
});

describe("a duration that the role does not allow", () => {
  const chained = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining";
  const upToAnHour = (request: AssumeRoleRequest) =>
    request.durationSeconds > 3600 ? refuse("ValidationError", chained) : whole;
  const durations = (requests: readonly AssumeRoleRequest[]) => requests.map((request) => request.durationSeconds);

  test("is asked for again as an hour, and remembered for that role alone", async () => {
    const { assumeRole, requests, warnings } = setUp(upToAnHour, 43_200);

    const first = await assumeRole(identityOf("reader"), neverAborted());
    await assumeRole(identityOf("reader"), neverAborted());
    await assumeRole(identityOf("writer"), neverAborted());

    expect(first.kind).toBe("issued");
    expect(durations(requests)).toEqual([43_200, 3600, 3600, 43_200, 3600]);
    expect(warnings).toEqual([
      `role ${identityOf("reader").role} does not allow sessions of 43200 s: asking for 3600 s`,
      `role ${identityOf("writer").role} does not allow sessions of 43200 s: asking for 3600 s`,
    ]);
  });

  test("is asked for again once only", async () => {
    const { assumeRole, requests } = setUp(() => refuse("ValidationError", chained), 7200);

    const result = await assumeRole(identityOf("reader"), neverAborted());

    expect(durations(requests)).toEqual([7200, 3600]);
    expect(result.kind === "failed" && result.failure.kind).toBe("refused");
  });

  test("is not what another ValidationError, or an hour refused, is about", async () => {
    const other = setUp(() => refuse("ValidationError", "RoleSessionName is not valid"), 7200);
    const hour = setUp(() => refuse("ValidationError", chained), 3600);

    await other.assumeRole(identityOf("reader"), neverAborted());
    await hour.assumeRole(identityOf("reader"), neverAborted());

    expect([durations(other.requests), durations(hour.requests)]).toEqual([[7200], [3600]]);
    expect([...other.warnings, ...hour.warnings]).toEqual([]);
  });
});

test.each([
  ["of one character", "x"],
  ["with a space", "two words"],
  ["outside ASCII", "snow☃"],
  ["of 1225 characters", "y".repeat(1225)],
])("an external id %s is refused without a call", async (_, externalId) => {
  const { assumeRole, requests } = setUp(() => whole);

  const result = await assumeRole({ ...identityOf("reader"), externalId }, neverAborted());

  expect(requests).toEqual([]);
  expect(result).toEqual({
    kind: "failed",
    failure: { kind: "refused", code: "ValidationError", message: "the external id is not one that STS takes" },
  });
});

test("rejects with the reason of the one who gave up", async () => {
  const giveUp = new AbortController();
  const { assumeRole } = setUp(() => {
    giveUp.abort(new Error("stopping"));
    throw new Error("Request aborted");
  });

  await expect(assumeRole(identityOf("reader"), giveUp.signal)).rejects.toThrow("stopping");
});
