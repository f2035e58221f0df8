import { expect, test } from "bun:test";
import { connect } from "node:net";
import { createStsClient, type GivenCredentials } from "../../../../src/aws/sts-client.ts";
import { startStsEmulator } from "../../../../src/cli/dev/sts-emulator.ts";
import { directly } from "../../../../src/domain/egress.ts";
import { neverAborted } from "../../../../src/runtime/abort.ts";
import { systemClock } from "../../../../src/runtime/clock.ts";
import { createFakeClock } from "../../../fakes/clock.ts";

const clock = createFakeClock(Date.now());
const request = {
  roleArn: "arn:aws:iam::123456789012:role/path/reader",
  sessionName: "kiam-kiam",
  externalId: undefined,
  durationSeconds: 900,
};

async function emulator() {
  let serial = 0;
  const started = await startStsEmulator(clock, (digits) => {
    serial += 1;
    return String(serial).padStart(digits, "0");
  });
  const clientOf = (credentials: GivenCredentials) =>
    createStsClient({
      endpoint: { url: started.endpoint, signingRegion: "us-east-1" },
      egress: directly,
      credentials: { kind: "given", credentials },
      clock: systemClock,
      maxAttempts: 1,
    });
  const client = clientOf({ accessKeyId: "AKIADEV", secretAccessKey: "dev" });
  return { ...started, client, clientOf };
}

async function post(endpoint: string, form: Record<string, string>) {
  const response = await fetch(endpoint, { method: "POST", body: new URLSearchParams(form) });
  return { status: response.status, text: await response.text() };
}

test("whoever has the credentials that it gave out is the role that they are for", async () => {
  await using sts = await emulator();

  const {
    accessKeyId = "",
    secretAccessKey = "",
    sessionToken = "",
    expiration,
  } = await sts.client.assumeRole(request, neverAborted());
  const arn = await sts.clientOf({ accessKeyId, secretAccessKey, sessionToken }).callerArn(neverAborted());

  expect(arn).toBe("arn:aws:sts::123456789012:assumed-role/reader/kiam-kiam");
  expect(expiration?.getTime()).toBe(clock.now() + 900_000);
});

test("each call gives others", async () => {
  await using sts = await emulator();

  const first = await sts.client.assumeRole(request, neverAborted());
  const second = await sts.client.assumeRole(request, neverAborted());

  expect(first.accessKeyId).not.toBe(second.accessKeyId ?? "");
  expect(first.sessionToken).not.toBe(second.sessionToken ?? "");
});

test("who has another token, or none, or keys that it did not give out, is nobody", async () => {
  await using sts = await emulator();
  const { accessKeyId = "", secretAccessKey = "" } = await sts.client.assumeRole(request, neverAborted());

  const others = [
    sts.clientOf({ accessKeyId, secretAccessKey, sessionToken: "forged" }),
    sts.clientOf({ accessKeyId, secretAccessKey }),
    sts.clientOf({ accessKeyId: "AKIADEV", secretAccessKey: "dev" }),
  ].map((client) => client.callerArn(neverAborted()).catch((error: Error) => error.name));

  expect(await Promise.all(others)).toEqual(Array(3).fill("InvalidClientTokenId"));
});

test.each([
  ["no role", { RoleArn: "reader" }],
  ["no account", { RoleArn: "arn:aws:iam::12:role/reader" }],
  ["no session name", { RoleSessionName: "" }],
  ["no duration", { DurationSeconds: "for ever" }],
])("what names %s is refused as STS does", async (_, wrong) => {
  await using sts = await emulator();

  const form = { Action: "AssumeRole", RoleArn: request.roleArn, RoleSessionName: "kiam-kiam", ...wrong };
  const { status, text } = await post(sts.endpoint, form);

  expect([status, /<Code>(.*)<\/Code>/.exec(text)?.[1]]).toEqual([400, "ValidationError"]);
});

test("another action is named as one that it does not know", async () => {
  await using sts = await emulator();

  const { status, text } = await post(sts.endpoint, { Action: "GetSessionToken" });

  expect([status, /<Code>(.*)<\/Code>/.exec(text)?.[1]]).toEqual([400, "InvalidAction"]);
});

test("clients that hang up half way, or send without end, do it no harm", async () => {
  await using sts = await emulator();
  const { port } = new URL(sts.endpoint);
  const hangingUp = connect(Number(port), "127.0.0.1");
  const closed = Promise.withResolvers<void>();
  hangingUp.once("close", () => closed.resolve());
  hangingUp.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nAction=", () =>
    hangingUp.resetAndDestroy(),
  );
  await closed.promise;

  const endless = post(sts.endpoint, { Action: "x".repeat(100_000) }).catch(() => "cut");

  expect(await endless).toBe("cut");
  expect((await sts.client.assumeRole(request, neverAborted())).accessKeyId).toStartWith("ASIADEV");
});

test("disposed, it is gone, with the connections that clients keep", async () => {
  const sts = await emulator();
  await sts.client.assumeRole(request, neverAborted());

  await sts[Symbol.asyncDispose]();

  expect(await post(sts.endpoint, {}).catch(() => "refused")).toBe("refused");
});
