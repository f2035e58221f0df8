import { describe, expect, test } from "bun:test";
import { AwsUnreachableError } from "../../../src/aws/fetch-handler.ts";
import { issueFailureOf } from "../../../src/aws/issue-failure.ts";
import { OwnCredentialsError } from "../../../src/aws/own-credentials-error.ts";

/** As the SDK throws what STS answered. */
function stsError(status: number, code: string, message = code): Error {
  const fault = status < 500 ? "client" : "server";
  return Object.assign(new Error(message), {
    name: code,
    Code: code,
    $fault: fault,
    $metadata: { httpStatusCode: status, attempts: 1 },
  });
}

const ownCredentials = "own-credentials";
const kindOf = (error: unknown) => issueFailureOf(error, undefined).kind;

describe("what STS answers", () => {
  test.each([
    [403, "AccessDenied", "refused"],
    [403, "AccessDeniedException", "refused"],
    [400, "ValidationError", "refused"],
    [400, "MalformedPolicyDocument", "refused"],
    [400, "PackedPolicyTooLarge", "refused"],
    [403, "RegionDisabledException", "refused"],
    [404, "NoSuchEntity", "refused"],
    [400, "SomethingThatAwsInvents", "refused"],
    [403, "ExpiredToken", ownCredentials],
    [400, "ExpiredTokenException", ownCredentials],
    [403, "InvalidClientTokenId", ownCredentials],
    [403, "SignatureDoesNotMatch", ownCredentials],
    [400, "IncompleteSignature", ownCredentials],
    [403, "MissingAuthenticationToken", ownCredentials],
    [400, "RequestExpired", ownCredentials],
    [403, "OptInRequired", ownCredentials],
    [400, "Throttling", "throttled"],
    [400, "ThrottlingException", "throttled"],
    [503, "SlowDown", "throttled"],
    [429, "TooManyRequestsException", "throttled"],
    [400, "RequestLimitExceeded", "throttled"],
    [429, "Unheard", "throttled"],
    [500, "InternalFailure", "unavailable"],
    [503, "ServiceUnavailable", "unavailable"],
  ] as const)("%p %s is %s", (status, code, kind) => {
    const failure = issueFailureOf(stsError(status, code), undefined);

    expect([failure.kind, failure.code]).toEqual([kind, code]);
  });
});

describe("what is no answer of STS is worth another try", () => {
  test.each([
    [
      "a proxy's page",
      Object.assign(new Error("Unknown"), { name: "Unknown", $fault: "client", $metadata: { httpStatusCode: 403 } }),
    ],
    [
      "a page not found",
      Object.assign(new Error("Unknown"), { name: "NotFound", $fault: "client", $metadata: { httpStatusCode: 404 } }),
    ],
    ["garbage", Object.assign(new Error("XML parse error"), { $metadata: { httpStatusCode: 200 } })],
    ["a time that can't be read", new TypeError("Invalid RFC3339 timestamp format soon")],
    ["a timeout", Object.assign(new Error("exceeded 5000 ms"), { name: "TimeoutError", code: "ETIMEDOUT" })],
    ["a reset", Object.assign(new Error("socket hang up"), { code: "ECONNRESET" })],
    ["nobody there", Object.assign(new Error("connect"), { code: "ECONNREFUSED" })],
    ["no such host", Object.assign(new Error("getaddrinfo"), { name: "DNSException", code: "ENOTFOUND" })],
    ["not even an error", "?"],
  ])("%s", (_, error) => {
    expect(kindOf(error)).toBe("unavailable");
  });
});

test("credentials that the server can't get are never the role's fault, though STS says AccessDenied", () => {
  const failure = issueFailureOf(new OwnCredentialsError(stsError(403, "AccessDenied")), undefined);

  expect(failure).toEqual({
    kind: "own-credentials",
    code: "AccessDenied",
    message: "the server has no AWS credentials of its own (AccessDenied)",
  });
});

test("a STS that can't be reached is told with the proxy that was in between, for the server's own credentials too", () => {
  const away = new AwsUnreachableError(
    "could not be reached through the proxy http://p:1 (ECONNREFUSED)",
    "ECONNREFUSED",
    {
      cause: new Error("http://user:hunter2@p:1"),
    },
  );

  expect(issueFailureOf(away, undefined)).toEqual({
    kind: "unavailable",
    code: "ECONNREFUSED",
    message: "STS could not be reached through the proxy http://p:1 (ECONNREFUSED)",
  });
  expect(issueFailureOf(new OwnCredentialsError(away), undefined)).toEqual({
    kind: "own-credentials",
    code: "ECONNREFUSED",
    message:
      "the server has no AWS credentials of its own: STS could not be reached through the proxy http://p:1 (ECONNREFUSED)",
  });
});

test("a refusal's text is AWS's own", () => {
  const message =
    "User: arn:aws:sts::1:assumed-role/kiam/i is not authorized to perform: sts:AssumeRole on resource: x";

  expect(issueFailureOf(stsError(403, "AccessDenied", message), undefined).message).toBe(message);
});

test("an external id that STS quotes is blotted out", () => {
  const error = stsError(400, "ValidationError", "Value 'hunter2' at 'externalId' failed; hunter2!");

  const failure = issueFailureOf(error, "hunter2");

  expect(failure.message).toBe("Value '(external id)' at 'externalId' failed; (external id)!");
});

test("a signed request that STS quotes is not passed on", () => {
  const error = stsError(
    403,
    "SignatureDoesNotMatch",
    "The Canonical String was 'POST x-amz-security-token:IQoSECRET'",
  );

  expect(JSON.stringify(issueFailureOf(error, undefined))).not.toContain("IQoSECRET");
});

test("a text is one line of bounded length", () => {
  const { message } = issueFailureOf(stsError(400, "ValidationError", `a\t\u001b[31mb${"x".repeat(9_000)}`), undefined);

  expect(message.slice(0, 8)).toBe("a [31mbx");
  expect(message.length).toBe(500);
});

test("what follows the first line, as the request that was signed, is not told, by whatever name it comes", () => {
  const text = "The signature is wrong\n\nThe Canonical String was\nx-amz-security-token:IQoSECRET";
  const { message } = issueFailureOf(stsError(403, "IncompleteSignatureException", text), undefined);

  expect(message).toBe("The signature is wrong");
});
