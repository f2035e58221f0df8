import { describe, expect, test } from "bun:test";
import { issueFailureOf } from "../../../src/aws/issue-failure.ts";
import { createStsClient, givenKeys, type StsClientOptions } from "../../../src/aws/sts-client.ts";
import { directly } from "../../../src/domain/egress.ts";
import { neverAborted } from "../../../src/runtime/abort.ts";
import { systemClock } from "../../../src/runtime/clock.ts";
import { assumeRoleXml, callerXml, credentialsXml, errorXml, serveFakeSts } from "../../fakes/sts.ts";

const request = {
  roleArn: "arn:aws:iam::123456789012:role/reader",
  sessionName: "kiam-kiam",
  externalId: undefined,
  durationSeconds: 3600,
};

const clientOf = (url: string, options: Partial<StsClientOptions> = {}) =>
  createStsClient({
    endpoint: { url, signingRegion: "eu-west-1" },
    egress: directly,
    credentials: givenKeys("AKIAOWN", "own-secret"),
    clock: systemClock,
    maxAttempts: 1,
    ...options,
  });

/** The failure that the client's error means. */
async function failureAt(url: string, options: Partial<StsClientOptions> = {}) {
  using sts = clientOf(url, options);
  const error = await sts.assumeRole(request, neverAborted()).catch((thrown: unknown) => thrown);
  return issueFailureOf(error, undefined);
}

test("posts what it is asked and reads what it is given", async () => {
  await using server = serveFakeSts(() => assumeRoleXml(credentialsXml("2026-11-22T12:00:00Z")));
  using sts = clientOf(server.url);

  const issued = await sts.assumeRole({ ...request, externalId: "tenant-7" }, neverAborted());

  expect(Object.fromEntries(server.requests[0] ?? [])).toEqual({
    Action: "AssumeRole",
    Version: "2011-06-15",
    RoleArn: request.roleArn,
    RoleSessionName: "kiam-kiam",
    DurationSeconds: "3600",
    ExternalId: "tenant-7",
  });
  expect(issued).toEqual({
    accessKeyId: "ASIAFAKE",
    secretAccessKey: "fake-secret",
    sessionToken: "fake-token",
    expiration: new Date("2026-11-22T12:00:00Z"),
  });
});

test("knows who it is", async () => {
  const arn = "arn:aws:sts::123456789012:assumed-role/kiam-server/i-0abc";
  await using server = serveFakeSts(() => callerXml(arn));
  using sts = clientOf(server.url);

  expect(await sts.callerArn(neverAborted())).toBe(arn);
});

describe("answers over the wire are classified", () => {
  test.each<[string, () => Response, string, string]>([
    ["AccessDenied", () => errorXml(403, "AccessDenied", "no"), "refused", "AccessDenied"],
    [
      "MalformedPolicyDocument",
      () => errorXml(400, "MalformedPolicyDocument", "no"),
      "refused",
      "MalformedPolicyDocument",
    ],
    ["ExpiredToken", () => errorXml(403, "ExpiredToken", "old"), "own-credentials", "ExpiredToken"],
    ["Throttling", () => errorXml(400, "Throttling", "Rate exceeded"), "throttled", "Throttling"],
    ["InternalFailure", () => errorXml(500, "InternalFailure", "oops"), "unavailable", "InternalFailure"],
    ["a gateway's page", () => new Response("<html>blocked</html>", { status: 403 }), "unavailable", "Unknown"],
    ["a gateway's text", () => new Response("overloaded", { status: 503 }), "unavailable", "Error"],
    [
      "a redirect",
      () => new Response("", { status: 302, headers: { location: "http://127.0.0.1:1/" } }),
      "unavailable",
      "Unknown",
    ],
    ["no XML", () => new Response("not XML <"), "unavailable", "Error"],
    ["a time that can't be read", () => assumeRoleXml(credentialsXml("soon")), "unavailable", "TypeError"],
  ])("%s", async (_, answer, kind, code) => {
    await using server = serveFakeSts(answer);

    const failure = await failureAt(server.url);

    expect(`${failure.kind} ${failure.code}`).toBe(`${kind} ${code}`);
  });

  test("nobody listening", async () => {
    expect(await failureAt("http://127.0.0.1:1")).toEqual({
      kind: "unavailable",
      code: "ECONNREFUSED",
      message: "STS could not be reached (ECONNREFUSED)",
    });
  });
});

test("a call that is not answered in time ends", async () => {
  await using server = serveFakeSts(() => Promise.withResolvers<Response>().promise);

  const failure = await failureAt(server.url, { requestTimeoutMs: 50 });

  expect([failure.kind, failure.code]).toEqual(["unavailable", "ETIMEDOUT"]);
});

test("what may pass is tried again, a refusal is not", async () => {
  const answers = [() => errorXml(503, "ServiceUnavailable", "later"), () => errorXml(403, "AccessDenied", "no")];
  await using server = serveFakeSts(() => (answers.shift() ?? (() => errorXml(500, "Surplus", "")))());

  const failure = await failureAt(server.url, { maxAttempts: 3 });

  expect(failure.code).toBe("AccessDenied");
  expect(server.requests.length).toBe(2);
});

test("gives up when it is told to, with the reason it was given", async () => {
  const asked = Promise.withResolvers<void>();
  await using server = serveFakeSts(() => {
    asked.resolve();
    return Promise.withResolvers<Response>().promise;
  });
  using sts = clientOf(server.url);
  const giveUp = new AbortController();

  const call = sts.assumeRole(request, giveUp.signal);
  await asked.promise;
  giveUp.abort(new Error("stopping"));

  await expect(call).rejects.toThrow("stopping");
});

test("the server's own credentials refused by STS are not the role's fault, and no role is asked for", async () => {
  await using server = serveFakeSts(() => errorXml(500, "Surplus", ""));
  const denied = Object.assign(new Error("Not authorized to perform sts:AssumeRoleWithWebIdentity"), {
    Code: "AccessDenied",
    $fault: "client",
  });

  const failure = await failureAt(server.url, {
    credentials: { kind: "given", credentials: () => Promise.reject(denied) },
  });

  expect([failure.kind, failure.code]).toEqual(["own-credentials", "AccessDenied"]);
  expect(server.requests.length).toBe(0);
});
