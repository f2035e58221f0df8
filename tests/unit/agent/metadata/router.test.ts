import { expect, test } from "bun:test";
import { settle } from "../../../fakes/clock.ts";
import { aRequest } from "../../../fakes/metadata-requests.ts";
import { aMetadataService } from "../../../fakes/metadata-services.ts";
import { aNodePod, aSnapshot, failed, issued, someChanges, someCredentials } from "../../../fakes/node-pods.ts";

const roles = "/latest/meta-data/iam/security-credentials";
const anyone = aSnapshot([aNodePod()], [issued()]);

test.each([roles, `${roles}/`, "/1.0/meta-data/iam/security-credentials/"])(
  "%s answers the role's name alone",
  async (target) => {
    const { handle } = aMetadataService({}, anyone);

    const answer = await handle(aRequest(target));

    expect([answer.status, answer.body]).toEqual([200, "reader"]);
    expect(answer.headers).toEqual({
      ...{ "Content-Type": "text/plain", "Content-Length": "6", "Accept-Ranges": "none" },
      Server: "kiam",
    });
  },
);

test("a role is named without its leading slash, also where policy denies it", async () => {
  const denied = aNodePod({ annotatedRole: "/team/reader", decision: { kind: "denied", explanation: "forbidden" } });
  const { handle } = aMetadataService({}, aSnapshot([denied]));

  const answer = await handle(aRequest(roles));

  expect([answer.status, answer.body]).toEqual([200, "team/reader"]);
});

test("held credentials are answered at once: no promise, no question", () => {
  const { handle, servers } = aMetadataService({}, anyone);

  const answer = handle(aRequest(`${roles}/reader`));

  expect(answer).not.toBeInstanceOf(Promise);
  expect(answer).toMatchObject({ status: 200, headers: { "Content-Type": "application/json" } });
  expect(servers.questions).toEqual([]);
});

test("credentials are encoded once for all who ask", async () => {
  const { handle } = aMetadataService({}, anyone);

  const answers = [await handle(aRequest(`${roles}/reader`)), await handle(aRequest(`${roles}/reader`))];

  expect(answers[0]).toBe(answers[1]);
  expect(JSON.parse(answers[0]?.body ?? "")).toMatchObject({
    AccessKeyId: "ASIAREADER",
    Token: "session-token-of-reader",
  });
});

test("another pod's role is refused with the sentence that says why", async () => {
  const writer = aNodePod({ uid: "uid-2", addresses: ["10.0.0.2"], annotatedRole: "writer" });
  const { handle } = aMetadataService({}, aSnapshot([aNodePod(), writer], [issued()]));

  const answer = await handle(aRequest(`${roles}/writer`));

  expect(answer.status).toBe(403);
  expect(JSON.parse(answer.body)).toEqual({
    Code: "AccessDenied",
    Message: "requested 'writer' but annotated with 'reader', forbidden",
  });
});

test("a pod without a role has none to name and none to give", async () => {
  const { handle } = aMetadataService({}, aSnapshot([aNodePod({ annotatedRole: "", decision: { kind: "no-role" } })]));

  const answers = [await handle(aRequest(roles)), await handle(aRequest(`${roles}/reader`))];

  expect(answers.map(({ status }) => status)).toEqual([404, 404]);
});

test("an address that nobody has gets 503 after 800 ms", async () => {
  const { handle, clock, servers } = aMetadataService({}, aSnapshot([]));
  const answering = handle(aRequest(roles));
  servers.question.answer({ kind: "not-found" });

  await clock.advance(800);

  expect((await answering).status).toBe(503);
});

test("two pods with one address get 503 each, and neither's credentials", async () => {
  const [one, other] = [aNodePod({ uid: "uid-a" }), aNodePod({ uid: "uid-b" })];
  const { handle } = aMetadataService({}, aSnapshot([one, other], [issued()]));

  const answer = await handle(aRequest(`${roles}/reader`));

  expect(answer.status).toBe(503);
  expect(answer.body).not.toContain("ASIA");
});

test("before the first snapshot every pod gets 503", async () => {
  const { handle, clock } = aMetadataService({});
  const answering = [handle(aRequest(roles)), handle(aRequest(`${roles}/reader`))];

  await clock.advance(800);

  expect((await Promise.all(answering)).map(({ status }) => status)).toEqual([503, 503]);
});

test("STS failing with nothing valid held is 503 with STS's words", async () => {
  const { handle, clock, servers } = aMetadataService({}, aSnapshot([aNodePod()]));
  const answering = handle(aRequest(`${roles}/reader`));
  servers.question.answer({ kind: "answer", answer: { pod: aNodePod(), identity: failed() } });
  await clock.advance(0);

  const answer = await answering;

  expect(answer.status).toBe(503);
  expect(JSON.parse(answer.body).Message).toContain("AccessDenied: not authorized");
});

test("an address reused while a request waits gets 503, and not the next pod's credentials", async () => {
  const { handle, store } = aMetadataService({}, aSnapshot([aNodePod()]));
  const answering = handle(aRequest(`${roles}/reader`));

  store.apply(someChanges({ removed: ["uid-1"], pods: [aNodePod({ uid: "uid-2" })], identities: [issued()] }));

  expect((await answering).status).toBe(503);
});

test("a connection that served another pod gets nothing of the address's next owner", async () => {
  const { handle } = aMetadataService({}, anyone);

  const answer = await handle(aRequest(`${roles}/reader`, { belongsTo: () => false }));

  expect(answer.status).toBe(503);
  expect(answer.body).not.toContain("ASIA");
});

test("a client that hangs up leaves without an answer", async () => {
  const { handle, servers } = aMetadataService({}, aSnapshot([aNodePod()]));
  const client = new AbortController();
  const answering = handle(aRequest(`${roles}/reader`, { signal: client.signal }));

  client.abort(new Error("the client has hung up"));

  expect(answering).toBeInstanceOf(Promise);
  await expect(Promise.resolve(answering)).rejects.toThrow("hung up");
  await settle();
  expect(servers.question.signal.aborted).toBe(true);
});

test("32 requests of a pod may wait; one more gets 429, and another pod's none of that", async () => {
  const { handle, clock } = aMetadataService({}, aSnapshot([]));
  const waiting = Array.from({ length: 32 }, () => handle(aRequest(roles)));

  const oneMore = await handle(aRequest(roles));
  const otherPod = handle(aRequest(roles, { client: "10.0.0.2" }));
  await clock.advance(800);
  await Promise.all(waiting);
  const afterwards = handle(aRequest(roles));

  expect(oneMore.status).toBe(429);
  expect(otherPod).toBeInstanceOf(Promise);
  expect(afterwards).toBeInstanceOf(Promise);
});

test("answers from the store are not limited while others of the pod wait", async () => {
  const waiter = aNodePod({ uid: "uid-2", addresses: ["10.0.0.2"] });
  const { handle, store } = aMetadataService({}, aSnapshot([waiter]));
  const waiting = Array.from({ length: 32 }, () => handle(aRequest(`${roles}/reader`, { client: "10.0.0.2" })));
  const oneMore = await handle(aRequest(`${roles}/reader`, { client: "10.0.0.2" }));

  const name = await handle(aRequest(roles, { client: "10.0.0.2" }));
  store.apply(someChanges({ identities: [issued()] }));

  expect([oneMore.status, name.status]).toEqual([429, 200]);
  expect(new Set((await Promise.all(waiting)).map(({ status }) => status))).toEqual(new Set([200]));
});

test("ping answers whoever asks", async () => {
  const { handle } = aMetadataService({});

  const answer = await handle(aRequest("/ping"));

  expect([answer.status, answer.body]).toEqual([200, "pong"]);
});

test("health answers the node, and a pod never learns of it", async () => {
  const { handle } = aMetadataService({}, anyone);

  const [node, pod] = [await handle(aRequest("/health", { isFromNode: true })), await handle(aRequest("/health"))];

  expect([node.status, node.body]).toEqual([200, "i-0123456789abcdef0"]);
  expect(pod.status).toBe(404);
});

test("deep health fails while no server answers and nothing valid is held", async () => {
  const { handle, clock } = aMetadataService({ isConnected: () => false }, anyone);
  const deep = aRequest("/health?deep=1", { isFromNode: true });

  const whileValid = await handle(deep);
  await clock.advance(3_600_000);
  const afterExpiry = await handle(deep);

  expect([whileValid.status, afterExpiry.status]).toEqual([200, 500]);
});

test.each([
  "/",
  "/latest/meta-data/",
  "/latest/meta-data/iam/",
  "/latest/user-data",
  "/latest/meta-data/identity-credentials/ec2/security-credentials/ec2-instance",
  "//latest/meta-data/iam/security-credentials/reader",
])("%s is not served, and is counted", async (target) => {
  const { handle, metrics } = aMetadataService({}, anyone);

  const answer = await handle(aRequest(target));

  expect(answer.status).toBe(404);
  expect((await metrics.proxyBlocked.get()).values[0]?.value).toBe(1);
});

test.each(["http://169.254.169.254/ping", "/ping#x", "*", `${roles}/%zz`])("%s is 400", async (target) => {
  const { handle } = aMetadataService({}, anyone);

  const answer = await handle(aRequest(target));

  expect(answer.status).toBe(400);
});

test.each(["/ping", "/health", roles, `${roles}/reader`, "/latest/api/token", "/else"])(
  "%s under a foreign Host is 403",
  async (target) => {
    const { handle } = aMetadataService({}, anyone);

    const answer = await handle(aRequest(target, { headers: { host: "rebound.example" }, isFromNode: true }));

    expect(answer.status).toBe(403);
  },
);

test("headers that contradict each other are 400", async () => {
  const { handle } = aMetadataService({}, anyone);

  const answer = await handle(aRequest(roles, { headers: { problem: "twice" } }));

  expect(answer.status).toBe(400);
});

test.each([
  ["POST", roles, "GET, HEAD"],
  ["PUT", `${roles}/reader`, "GET, HEAD"],
  ["DELETE", "/ping", "GET, HEAD"],
  ["OPTIONS", "/else", "GET, HEAD"],
  ["TRACE", "/health", "GET, HEAD"],
  ["GET", "/latest/api/token", "PUT"],
  ["HEAD", "/latest/api/token", "PUT"],
])("%s %s is 405", async (method, target, allow) => {
  const { handle } = aMetadataService({}, anyone);

  const answer = await handle(aRequest(target, { method }));

  expect([answer.status, answer.headers["Allow"]]).toEqual([405, allow]);
});

test("HEAD is answered as GET", async () => {
  const { handle } = aMetadataService({}, anyone);

  const [head, get] = [await handle(aRequest(roles, { method: "HEAD" })), await handle(aRequest(roles))];

  expect(head).toEqual(get);
});

test("what breaks is 500, told in the log and not to the pod", async () => {
  const { options, log } = aMetadataService({}, anyone);
  const { handle } = aMetadataService({
    log,
    lookup: {
      ...options.lookup,
      heldPod() {
        throw new Error("out of order");
      },
    },
  });

  const answer = await handle(aRequest(roles));

  expect(answer.status).toBe(500);
  expect(answer.body).not.toContain("out of order");
  expect(log.lines.map(({ fields }) => fields?.["error"])).toEqual(["out of order"]);
});

test("credentials with a time that can't be written are an error that is counted", async () => {
  const endless = someCredentials({ expiresAtMs: 8.64e15 + 1 });
  const { handle, metrics, log } = aMetadataService({}, aSnapshot([aNodePod()], [issued(endless)]));

  const answer = await handle(aRequest(`${roles}/reader`));

  expect(answer.status).toBe(500);
  expect((await metrics.credentialEncodeErrors.get()).values).toEqual([
    { labels: { handler: "credentials" }, value: 1 },
  ]);
  expect(log.lines.filter(({ message }) => message === "credentials handed to pod")).toEqual([]);
});

test("no log line, and no answer but the one to its pod, holds a secret", async () => {
  const { handle, log, registry } = aMetadataService({}, anyone);

  const own = await handle(aRequest(`${roles}/reader`));
  const other = await handle(aRequest(`${roles}/writer`));
  const rest = JSON.stringify([other, log.lines]) + (await registry.metrics());

  expect(own.body).toContain("secret-of-reader");
  expect(rest).not.toContain("secret-of-reader");
  expect(rest).not.toContain("session-token-of-reader");
});
