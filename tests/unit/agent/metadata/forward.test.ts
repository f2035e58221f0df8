import { expect, test } from "bun:test";
import type { Answer } from "../../../../src/agent/metadata/answer.ts";
import type { Forwarding } from "../../../../src/agent/metadata/forward.ts";
import type { HandleOptions } from "../../../../src/agent/metadata/handle.ts";
import type { InstanceAnswer } from "../../../../src/agent/metadata/instance-metadata.ts";
import { settle } from "../../../fakes/clock.ts";
import { aRequest } from "../../../fakes/metadata-requests.ts";
import { aMetadataService } from "../../../fakes/metadata-services.ts";
import { aNodePod, aSnapshot } from "../../../fakes/node-pods.ts";
import { metricOf } from "../../../fixtures/metrics.ts";

const id = "/latest/meta-data/instance-id";

function document(body: string, overrides: Partial<Extract<InstanceAnswer, { kind: "answer" }>> = {}): InstanceAnswer {
  return { kind: "answer", status: 200, contentType: "text/plain", body: Buffer.from(body), ...overrides };
}

/** The metadata service with pods at 10.0.0.1 and 10.0.0.2, forwarding all that may be to what the test answers. */
function forwarding(
  answer: (path: string, signal: AbortSignal) => InstanceAnswer | Promise<InstanceAnswer> = () => document("i-0"),
  overrides: Partial<HandleOptions> = {},
) {
  const asked: string[] = [];
  const all: Forwarding = {
    isAllowed: () => true,
    metadata: {
      async get(path, signal) {
        asked.push(path);
        return await answer(path, signal);
      },
    },
  };
  const pods = [aNodePod(), aNodePod({ uid: "uid-2", addresses: ["10.0.0.2", "fd00::2"] })];
  return { ...aMetadataService({ forwarding: all, ...overrides }, aSnapshot(pods)), asked };
}

function toldBy({ status, body }: Answer) {
  return [status, JSON.parse(body).Message];
}

test("the path goes on without its query, and what comes back is passed on", async () => {
  const { handle, asked, registry } = forwarding(() => document("i-0", { contentType: "text/x" }));

  const answer = await handle(aRequest(`${id}?x=y`));

  expect(asked).toEqual([id]);
  expect([answer.status, answer.body, answer.headers]).toEqual([
    200,
    "i-0",
    { "Content-Type": "text/x", "Content-Length": "3", Server: "kiam" },
  ]);
  expect(await metricOf(registry, "kiam_metadata_proxy_requests_blocked_total")).toBe(0);
  expect(await metricOf(registry, "kiam_metadata_responses_total", { handler: "proxy", code: "200" })).toBe(1);
});

test("without a pattern nothing is forwarded, and that is counted", async () => {
  const { handle, asked, registry } = forwarding(undefined, { forwarding: undefined });

  const answer = await handle(aRequest(id));

  expect([answer.status, asked]).toEqual([404, []]);
  expect(await metricOf(registry, "kiam_metadata_proxy_requests_blocked_total")).toBe(1);
});

test("what the pattern does not match is refused, and counted", async () => {
  const asked: string[] = [];
  const isAllowed = (path: string) => asked.push(path) > 0 && path.includes("instance-id");
  const metadata = { get: async () => document("i-0") };
  const { handle, registry } = forwarding(undefined, { forwarding: { isAllowed, metadata } });

  const answers = [await handle(aRequest("/latest/user-data?instance-id")), await handle(aRequest(id))];

  expect(answers.map(({ status }) => status)).toEqual([404, 200]);
  expect(asked).toEqual(["/latest/user-data", id]);
  expect(await metricOf(registry, "kiam_metadata_proxy_requests_blocked_total")).toBe(1);
});

test.each(["/latest/meta-data/iam/", "/latest/meta-data/IAM/info", "/latest/meta-data//instance-id", "/health"])(
  "%s is refused whatever the pattern says",
  async (target) => {
    const { handle, asked } = forwarding();

    const answer = await handle(aRequest(target));

    expect([answer.status, asked]).toEqual([404, []]);
  },
);

test("bytes are passed on as they are", async () => {
  const bytes = Buffer.from([0, 1, 127, 128, 200, 255]);
  const { handle } = forwarding(() => document("", { body: bytes }));

  const answer = await handle(aRequest(id));

  expect(Buffer.from(answer.body, answer.bodyEncoding)).toEqual(bytes);
  expect(answer.headers["Content-Length"]).toBe("6");
});

test.each([undefined, "", "text/é", "x".repeat(201)])("a type of %p is passed on as bytes", async (contentType) => {
  const { handle } = forwarding(() => document("x", { contentType }));

  const answer = await handle(aRequest(id));

  expect(answer.headers["Content-Type"]).toBe("application/octet-stream");
});

test("the service's own refusals are passed on, and little of them is logged", async () => {
  const { handle, log } = forwarding(() => document("<html>".repeat(1_000), { status: 404, contentType: "text/html" }));

  const answer = await handle(aRequest(id));

  expect([answer.status, answer.body.length]).toEqual([404, 6_000]);
  expect(log.lines.map(({ message }) => message.length).every((length) => length < 400)).toBe(true);
});

test.each([
  [{ kind: "silent" }, 504, "the metadata service did not answer in time"],
  [{ kind: "failed", reason: "refused" }, 503, "the metadata service can't be asked: refused"],
] as const)("%j is %p, and says so", async (found, status, message) => {
  const { handle } = forwarding(() => found);

  const answer = await handle(aRequest(id));

  expect(toldBy(answer)).toEqual([status, message]);
});

test("credentials in an answer are not passed on, should they ever come, and the log says so", async () => {
  const { handle, log } = forwarding(() => document('{ "accesskeyid" : "AKIA", "SecretAccessKey":"x" }'));

  const answer = await handle(aRequest(id));

  expect(answer.status).toBe(404);
  expect(answer.body).not.toContain("AKIA");
  expect(log.lines.some(({ level, message }) => level === "error" && message.includes("with credentials"))).toBe(true);
});

test("a script that mentions keys is no credentials", async () => {
  const { handle } = forwarding(() => document("jq -r .AccessKeyId,.SecretAccessKey"));

  const answer = await handle(aRequest("/latest/user-data"));

  expect(answer.status).toBe(200);
});

test("HEAD is answered as GET", async () => {
  const { handle, asked } = forwarding();

  const [head, get, post] = [
    await handle(aRequest(id, { method: "HEAD" })),
    await handle(aRequest(id)),
    await handle(aRequest(id, { method: "POST" })),
  ];

  expect([head, post.status, asked.length]).toEqual([get, 405, 2]);
});

test("identical requests under way are one, whoever asks, and the next is another", async () => {
  const gate = Promise.withResolvers<InstanceAnswer>();
  const { handle, asked } = forwarding(() => gate.promise);
  const waiting = [handle(aRequest(id)), handle(aRequest(`${id}?x`, { client: "10.0.0.2", method: "HEAD" }))];

  await settle();
  gate.resolve(document("i-0"));
  const answers = await Promise.all(waiting);
  await handle(aRequest(id));

  expect(answers.map(({ body }) => body)).toEqual(["i-0", "i-0"]);
  expect(asked.length).toBe(2);
});

test("one that hangs up fails nobody else; with the last one the request ends", async () => {
  const ended: string[] = [];
  const { handle } = forwarding((_, signal) => {
    signal.addEventListener("abort", () => ended.push("ended"));
    return new Promise(() => undefined);
  });
  const [one, other] = [new AbortController(), new AbortController()];
  const left = Promise.resolve(handle(aRequest(id, { signal: one.signal })));
  const last = Promise.resolve(handle(aRequest(id, { signal: other.signal })));

  one.abort(new Error("the client has hung up"));
  await expect(left).rejects.toThrow("hung up");
  const meanwhile = [...ended];
  other.abort(new Error("the client has hung up"));
  await expect(last).rejects.toThrow("hung up");
  await settle();

  expect([meanwhile, ended]).toEqual([[], ["ended"]]);
});

/** Asks for so many paths that nothing of the budget is left. */
async function spend(handle: ReturnType<typeof forwarding>["handle"], client: string): Promise<void> {
  for (let count = 0; count < 100; count += 20) {
    const paths = Array.from({ length: 20 }, (_, index) => `/spent/${count + index}`);
    await Promise.all(paths.map((path) => handle(aRequest(path, { client }))));
  }
}

test("beyond the budget a request waits its turn, a second at most, then it is 429", async () => {
  const { handle, clock, asked } = forwarding();
  await spend(handle, "10.0.0.1");
  const waiting = Array.from({ length: 30 }, (_, index) => handle(aRequest(`/waiting/${index}`)));

  await clock.advance(1_000);
  const answers = await Promise.all(waiting);

  expect(answers.filter(({ status }) => status === 200).length).toBe(19); // The twentieth's turn comes as its second ends.
  expect(toldBy(answers[29] ?? (await handle(aRequest("/"))))).toEqual([
    429,
    "the node's budget of metadata requests is used up",
  ]);
  expect(asked.length).toBe(119);
  expect(clock.timers).toBe(0);
});

test("one pod's flood leaves another's turn, also where it asks for the same", async () => {
  const { handle, clock, asked } = forwarding();
  await spend(handle, "10.0.0.1");
  const flood = Array.from({ length: 10_000 }, (_, index) => handle(aRequest(`/flood/${index}`)));
  const own = handle(aRequest("/own", { client: "10.0.0.2" }));
  const same = handle(aRequest("/flood/31", { client: "10.0.0.2" }));

  await clock.advance(250);
  const answers = [await own, await same];
  await clock.advance(750);
  const statuses = (await Promise.all(flood)).map(({ status }) => status);

  expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  // 32 of them were let in to wait; the rest was told so at once.
  expect(statuses.filter((status) => status === 429).length).toBeGreaterThan(9_960);
  expect(asked.length).toBeLessThanOrEqual(120);
});

test("one that joins another's request has a second of its own", async () => {
  const { handle, clock } = forwarding();
  await spend(handle, "10.0.0.1");
  const flood = Array.from({ length: 31 }, (_, index) => handle(aRequest(`/flood/${index}`)));
  await clock.advance(990);
  const joined = handle(aRequest("/flood/30", { client: "10.0.0.2" }));

  await clock.advance(10);
  const last = (await Promise.all(flood))[30];
  await clock.advance(50);

  expect([last?.status, (await joined).status]).toEqual([429, 200]);
});

test("a pod's two addresses are one party", async () => {
  const { handle, clock, asked } = forwarding();
  await spend(handle, "10.0.0.1");
  const waiting = ["10.0.0.2", "fd00::2", "10.0.0.1"].flatMap((client) =>
    Array.from({ length: 5 }, (_, index) => handle(aRequest(`/${client.replace("::", ":")}/${index}`, { client }))),
  );

  await clock.advance(300);
  const inThatTime = asked.slice(100);
  await clock.advance(700);
  await Promise.all(waiting);

  expect(inThatTime.filter((path) => path.startsWith("/10.0.0.1/")).length).toBe(3);
});

test("required tokens are verified for forwarded paths too", async () => {
  const { handle, asked } = forwarding(undefined, { imdsTokens: "required" });
  const minted = await handle(aRequest("/latest/api/token", { method: "PUT", headers: { tokenTtlSeconds: "60" } }));
  const ask = (token: string | undefined, client = "10.0.0.1") =>
    handle(aRequest(id, { client, headers: token === undefined ? {} : { token } }));

  const answers = [
    await ask(undefined),
    await ask("A".repeat(52)),
    await ask(minted.body, "10.0.0.2"),
    await ask(minted.body, "10.9.9.9"),
    await ask(minted.body),
  ];

  expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401, 200]);
  expect(asked.length).toBe(1);
});

test("the connection of a former pod gets nothing forwarded", async () => {
  const { handle, asked } = forwarding();

  const answer = await handle(aRequest(id, { belongsTo: () => false }));

  expect([answer.status, asked]).toEqual([503, []]);
});

test("an address that nobody is known to have need not wait", async () => {
  const { handle, servers } = forwarding();

  const answer = await handle(aRequest(id, { client: "10.9.9.9" }));

  expect([answer.status, servers.questions]).toEqual([200, []]);
});
