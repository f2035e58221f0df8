import { expect, test } from "bun:test";
import { aRequest } from "../../../fakes/metadata-requests.ts";
import { aMetadataService } from "../../../fakes/metadata-services.ts";
import { aNodePod, aSnapshot, issued, someChanges } from "../../../fakes/node-pods.ts";

const roles = "/latest/meta-data/iam/security-credentials";
const anyone = aSnapshot([aNodePod()], [issued()]);
const put = { method: "PUT", headers: { tokenTtlSeconds: "21600" } };

test("a token is minted at once, its TTL echoed, also for a pod without a role", () => {
  const { handle } = aMetadataService({}, aSnapshot([aNodePod({ decision: { kind: "no-role" } })]));

  const answer = handle(aRequest("/latest/api/token", put));

  expect(answer).not.toBeInstanceOf(Promise);
  expect(answer).toMatchObject({
    status: 200,
    headers: { "Content-Type": "text/plain", "X-aws-ec2-metadata-token-ttl-seconds": "21600" },
  });
});

test("a token is minted at once for an address that nobody is known to have, in sync or not", () => {
  const { handle } = aMetadataService({});

  const answer = handle(aRequest("/latest/api/token", put));

  expect(answer).toMatchObject({ status: 200 });
});

test.each([undefined, "", "0", "21601", "x"])("a TTL of %p is 400", async (ttl) => {
  const { handle } = aMetadataService({}, anyone);
  const headers = ttl === undefined ? {} : { tokenTtlSeconds: ttl };

  const answer = await handle(aRequest("/latest/api/token", { method: "PUT", headers }));

  expect(answer.status).toBe(400);
});

test("a request with X-Forwarded-For gets no token, whatever its TTL", async () => {
  const { handle } = aMetadataService({}, anyone);

  const answers = [
    await handle(
      aRequest("/latest/api/token", { method: "PUT", headers: { tokenTtlSeconds: "60", isForwarded: true } }),
    ),
    await handle(aRequest("/latest/api/token", { method: "PUT", headers: { isForwarded: true } })),
  ];

  expect(answers.map(({ status }) => status)).toEqual([403, 403]);
});

test("other versions give no token", async () => {
  const { handle } = aMetadataService({}, anyone);

  const answer = await handle(aRequest("/2021-07-15/api/token", put));

  expect(answer.status).toBe(403);
});

test("a former pod's connection gets no token of the next one's", async () => {
  const { handle } = aMetadataService({}, anyone);

  const answer = await handle(aRequest("/latest/api/token", { ...put, belongsTo: () => false }));

  expect(answer.status).toBe(503);
});

test("where tokens are optional none, a good one and a bad one all get the same", async () => {
  const { handle } = aMetadataService({}, anyone);
  const good = (await handle(aRequest("/latest/api/token", put))).body;

  const answers = [
    await handle(aRequest(`${roles}/reader`)),
    await handle(aRequest(`${roles}/reader`, { headers: { token: good } })),
    await handle(aRequest(`${roles}/reader`, { headers: { token: "of-the-real-service" } })),
  ];

  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
});

test("where tokens are required none or a bad one is 401, on every path but ping and health", async () => {
  const { handle } = aMetadataService({ imdsTokens: "required" }, anyone);
  const good = (await handle(aRequest("/latest/api/token", put))).body;
  const statuses = async (headers: { token?: string }) => {
    const targets = [roles, `${roles}/reader`, "/latest/user-data", "/ping", "/health"];
    const answers = targets.map((target) => handle(aRequest(target, { headers, isFromNode: true })));
    return (await Promise.all(answers)).map(({ status }) => status);
  };

  expect(await statuses({})).toEqual([401, 401, 401, 200, 200]);
  expect((await statuses({ token: "bad" })).slice(0, 2)).toEqual([401, 401]);
  expect((await statuses({ token: good })).slice(0, 2)).toEqual([200, 200]);
});

test("where tokens are required one without any does not wait for its pod", () => {
  const { handle } = aMetadataService({ imdsTokens: "required" }, aSnapshot([]));

  const answer = handle(aRequest(roles));

  expect(answer).toMatchObject({ status: 401 });
});

test("where tokens are required a token minted before the pod was known is good for it", async () => {
  const { handle, store } = aMetadataService({ imdsTokens: "required" }, aSnapshot([]));
  const token = (await handle(aRequest("/latest/api/token", put))).body;

  store.apply(someChanges({ pods: [aNodePod()], identities: [issued()] }));
  const answer = await handle(aRequest(`${roles}/reader`, { headers: { token } }));

  expect(answer.status).toBe(200);
});
