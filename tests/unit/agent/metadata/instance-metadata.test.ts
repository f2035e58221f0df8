import { expect, test } from "bun:test";
import { createServer } from "node:net";
import { createInstanceMetadata } from "../../../../src/agent/metadata/instance-metadata.ts";
import { neverAborted } from "../../../../src/runtime/abort.ts";
import { createFakeClock } from "../../../fakes/clock.ts";
import { type LenientMetadata, serveLenientMetadata } from "../../../fakes/lenient-metadata.ts";

const id = "/latest/meta-data/instance-id";
const hours = 3_600_000;

function clientOf(service: Pick<LenientMetadata, "url">) {
  const clock = createFakeClock();
  const metadata = createInstanceMetadata({ endpoint: service.url, clock });
  return { clock, get: (path = id, signal = neverAborted()) => metadata.get(path, signal) };
}

/** What was sent: methods and, for documents, the token. */
function sent({ requests }: LenientMetadata): readonly string[] {
  return requests.map(({ method, headers }) => `${method} ${headers["x-aws-ec2-metadata-token"] ?? ""}`.trim());
}

test("a document is read with a token of the agent's own, and nothing else is sent", async () => {
  await using service = await serveLenientMetadata();
  const { get } = clientOf({ url: `${service.url}/` });

  const answer = await get();

  expect(answer).toMatchObject({ kind: "answer", status: 200, contentType: "text/plain" });
  expect(answer.kind === "answer" && answer.body.toString()).toBe("i-0123456789abcdef0");
  expect(service.requests.map(({ method, target, body }) => [method, target, body])).toEqual([
    ["PUT", "/latest/api/token", ""],
    ["GET", id, ""],
  ]);
  expect(Object.keys(service.requests[1]?.headers ?? {}).toSorted()).toEqual(
    ["connection", "host", "x-aws-ec2-metadata-token"].toSorted(),
  );
  expect(service.requests[0]?.headers["x-aws-ec2-metadata-token-ttl-seconds"]).toBe("21600");
});

test("a path is sent byte for byte", async () => {
  await using service = await serveLenientMetadata();
  const path = "/latest/meta-data/tags/instance/a+b-c=d.e,f_g:h@i/";

  await clientOf(service).get(path);

  expect(service.documents).toEqual([path]);
});

test("the token is kept until shortly before it ends", async () => {
  await using service = await serveLenientMetadata();
  const { get, clock } = clientOf(service);

  await get();
  await clock.advance(6 * hours - 600_001);
  await get();
  await clock.advance(1);
  await get();

  expect(sent(service)).toEqual(["PUT", "GET token-1", "GET token-1", "PUT", "GET token-2"]);
});

test("those who ask at once share one token", async () => {
  await using service = await serveLenientMetadata();
  const { get } = clientOf(service);

  await Promise.all([get(), get(), get()]);

  expect(sent(service).filter((line) => line === "PUT").length).toBe(1);
});

test("a token that is refused is made anew, once", async () => {
  let good = "token-1";
  await using service = await serveLenientMetadata(({ method, headers }) =>
    method === "GET" && headers["x-aws-ec2-metadata-token"] !== good ? { status: 401, body: "" } : undefined,
  );
  const { get, clock } = clientOf(service);
  await get();
  await clock.advance(10_000);

  good = "token-2";
  const renewed = await get();
  good = "none";
  const refused = await get();

  expect([renewed, refused]).toMatchObject([{ status: 200 }, { status: 401 }]);
  // The second refusal comes right after a token was made: that can't be its reason.
  expect(sent(service).slice(2)).toEqual(["GET token-1", "PUT", "GET token-2", "GET token-2"]);
});

test.each([
  ["a refusal", { status: 403, body: "no" }, "PUT http://127.0.0.1:PORT/latest/api/token: status 403"],
  ["a blank", { body: " " }, "PUT http://127.0.0.1:PORT/latest/api/token: no token"],
  ["two lines", { body: "a\r\nX-Evil: b" }, "PUT http://127.0.0.1:PORT/latest/api/token: no token"],
] as const)("%s for a token is a failure, and no document is asked for without", async (_, reply, reason) => {
  await using service = await serveLenientMetadata(({ method }) => (method === "PUT" ? reply : undefined));

  const answer = await clientOf(service).get();

  expect(answer).toEqual({ kind: "failed", reason: reason.replace("PORT", String(service.port)) });
  expect(service.documents).toEqual([]);
});

test("a redirect is an answer and is not followed", async () => {
  await using service = await serveLenientMetadata(({ method }) =>
    method === "GET" ? { status: 301, headers: { Location: "/latest/meta-data/iam/info" }, body: "moved" } : undefined,
  );

  const answer = await clientOf(service).get();

  expect(answer).toMatchObject({ kind: "answer", status: 301, contentType: undefined });
  expect(service.documents).toEqual([id]);
});

test("an answer of 64 KiB is taken whole, a longer one is a failure", async () => {
  let length = 65_536;
  await using service = await serveLenientMetadata(({ method }) =>
    method === "GET" ? { body: new Uint8Array(length).fill(200) } : undefined,
  );
  const { get } = clientOf(service);

  const whole = await get();
  length += 1;
  const longer = await get();

  expect(whole.kind === "answer" && [whole.body.length, whole.body[65_535]]).toEqual([65_536, 200]);
  expect(longer).toMatchObject({ kind: "failed" });
  expect(longer.kind === "failed" && longer.reason).toEndWith("the answer is too long");
});

test("an agent of kiam that answers in the service's place is told by its header, before anything is asked", async () => {
  await using service = await serveLenientMetadata(() => ({ headers: { Server: "kiam" }, body: "token" }));

  const answer = await clientOf(service).get();

  expect(answer.kind === "failed" && answer.reason).toEndWith("an agent of kiam answers, not the real service");
  expect(service.documents).toEqual([]);
});

test("nobody listening is a failure", async () => {
  const service = await serveLenientMetadata();
  await service[Symbol.asyncDispose]();

  const answer = await clientOf(service).get();

  expect(answer.kind).toBe("failed");
});

test.each(["PUT", "GET"])("silence after %s is told after two seconds", async (silentMethod) => {
  const asked = Promise.withResolvers<void>();
  const never = Promise.withResolvers<undefined>();
  await using service = await serveLenientMetadata(({ method }) => {
    if (method !== silentMethod) {
      return undefined;
    }
    asked.resolve();
    return never.promise;
  });
  const { get, clock } = clientOf(service);

  const answering = get();
  await asked.promise;
  await clock.advance(2_000);

  expect(await answering).toEqual({ kind: "silent" });
  expect(clock.timers).toBe(0);
});

test("an answer that stops half-way is told after two seconds, and its connection closed", async () => {
  const closed = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const server = createServer((socket) => {
    socket.on("data", () => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
      begun.resolve();
    });
    socket.on("close", () => closed.resolve());
    socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const { get, clock } = clientOf({ url: `http://127.0.0.1:${port}` });

  const answering = get();
  await begun.promise;
  await clock.advance(2_000);

  expect(await answering).toEqual({ kind: "silent" });
  await closed.promise;
  server.close();
});

test("who leaves gets the reason back", async () => {
  const asked = Promise.withResolvers<void>();
  const never = Promise.withResolvers<undefined>();
  await using service = await serveLenientMetadata(() => {
    asked.resolve();
    return never.promise;
  });
  const caller = new AbortController();

  const answering = clientOf(service).get(id, caller.signal);
  await asked.promise;
  caller.abort(new Error("the client has hung up"));

  await expect(answering).rejects.toThrow("hung up");
});
