import { expect, test } from "bun:test";
import { MetadataListenError, type MetadataOptions, serveMetadata } from "../../../../src/agent/metadata/serve.ts";
import type { NodeUpdate } from "../../../../src/domain/node-pod.ts";
import { settle } from "../../../fakes/clock.ts";
import { metadataParts } from "../../../fakes/metadata-services.ts";
import { aNodePod, aSnapshot, issued, someChanges } from "../../../fakes/node-pods.ts";
import { anAddress } from "../../../fakes/pods.ts";
import { connectRaw, type RawConnection } from "../../../fixtures/raw-http.ts";

const roles = "/latest/meta-data/iam/security-credentials";
const aPod = aNodePod({ addresses: ["127.0.0.1"] });
const anyone = aSnapshot([aPod], [issued()]);

async function serving(updates: readonly NodeUpdate[], overrides: Partial<MetadataOptions> = {}) {
  const parts = metadataParts(...updates);
  const server = await serveMetadata({
    ...parts.options,
    hosts: ["127.0.0.1"],
    port: 0,
    callers: { kind: "socket" },
    ...overrides,
  });
  return { ...parts, port: server.port, server, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

function get(target: string, headers = ""): string {
  return `GET ${target} HTTP/1.1\r\nHost: 169.254.169.254\r\n${headers}\r\n`;
}

test("a pod gets its credentials, with a plain HTTP answer", async () => {
  await using agent = await serving([anyone]);
  await using client = await connectRaw(agent.port);

  client.send(get(`${roles}/reader`));
  const { status, headers, body } = await client.answer();

  expect(status).toBe(200);
  expect(headers.get("content-type")).toBe("application/json");
  expect(headers.get("server")).toBe("kiam");
  expect(headers.has("transfer-encoding")).toBe(false);
  expect(JSON.parse(body)).toMatchObject({ Code: "Success", AccessKeyId: "ASIAREADER" });
});

test("the caller is the socket's address, whatever its headers say", async () => {
  const other = aNodePod({ uid: "uid-2", addresses: ["127.0.0.2"], annotatedRole: "writer" });
  await using agent = await serving([aSnapshot([aPod, other])]);
  await using client = await connectRaw(agent.port, { from: "127.0.0.2" });

  client.send(get(roles, "X-Forwarded-For: 127.0.0.1\r\nForwarded: for=127.0.0.1\r\nX-Real-IP: 127.0.0.1\r\n"));

  expect((await client.answer()).body).toBe("writer");
});

test("listening on all addresses, an IPv4 client is known by its IPv4 address", async () => {
  await using agent = await serving([anyone], { hosts: [] });
  await using client = await connectRaw(agent.port);

  client.send(get(roles));

  expect((await client.answer()).body).toBe("reader");
});

test("given a host it listens there and on loopback, and knows both as itself", async () => {
  await using agent = await serving([anyone], { hosts: ["127.0.0.9"] });
  await using there = await connectRaw(agent.port, { to: "127.0.0.9" });
  await using loopback = await connectRaw(agent.port);

  there.send(`GET /ping HTTP/1.1\r\nHost: 127.0.0.9:${agent.port}\r\n\r\n`);
  loopback.send(`GET /ping HTTP/1.1\r\nHost: localhost:${agent.port}\r\n\r\n`);

  expect([(await there.answer()).body, (await loopback.answer()).body]).toEqual(["pong", "pong"]);
});

test("health answers a probe of the node itself", async () => {
  await using agent = await serving([]);
  await using probe = await connectRaw(agent.port);

  probe.send(`GET /health HTTP/1.1\r\nHost: 127.0.0.1:${agent.port}\r\n\r\n`);

  expect((await probe.answer()).body).toBe("i-0123456789abcdef0");
});

test.each([
  ["absolute form", "GET http://169.254.169.254/ping HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n", 400],
  ["a fragment", "GET /ping#x HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n", 400],
  ["a NUL", "GET /ping\0 HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n", 400],
  ["an asterisk", "OPTIONS * HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n", 400],
  ["no Host in HTTP/1.1", "GET /ping HTTP/1.1\r\n\r\n", 400],
  ["no Host in HTTP/1.0", "GET /ping HTTP/1.0\r\n\r\n", 200],
  ["two Hosts", "GET /ping HTTP/1.1\r\nHost: 169.254.169.254\r\nHost: evil.example\r\n\r\n", 400],
  ["a foreign Host", "GET /ping HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403],
  ["dot segments", "GET /x/../ping HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n", 404],
  ["a double slash", "GET //ping HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n", 404],
  ["percent-encoding", "GET /%70ing HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n", 404],
  ["a backslash", "GET /x\\..\\ping HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n", 404],
  ["a POST", "POST /ping HTTP/1.1\r\nHost: 169.254.169.254\r\nContent-Length: 2\r\n\r\nhi", 405],
  ["a method of no standard", "BREW /ping HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n", 400],
  ["no HTTP at all", "\x16\x03\x01\x02\r\n\r\n", 400],
  ["two lengths", "GET /ping HTTP/1.1\r\nHost: 169.254.169.254\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400],
  ["headers too large", `GET /ping HTTP/1.1\r\nHost: 169.254.169.254\r\nX: ${"x".repeat(9_000)}\r\n\r\n`, 431],
] as const)("%s is answered as kiam", async (_, request, status) => {
  await using agent = await serving([anyone]);
  await using client = await connectRaw(agent.port);

  client.send(request);
  const answer = await client.answer();

  expect(answer.status).toBe(status);
  expect(answer.headers.get("server")).toBe("kiam");
});

test("HEAD gets the headers of GET and no body", async () => {
  await using agent = await serving([anyone]);
  await using client = await connectRaw(agent.port, { bodies: "none" });

  client.send("HEAD /ping HTTP/1.1\r\nHost: 169.254.169.254\r\nConnection: close\r\n\r\n");
  const answer = await client.answer();
  const everything = await client.closed();

  expect(answer.headers.get("content-length")).toBe("4");
  expect(everything.endsWith("\r\n\r\n")).toBe(true);
});

test("pipelined requests are answered in order, also where the first has to wait", async () => {
  await using agent = await serving([aSnapshot([aPod])]);
  await using client = await connectRaw(agent.port);

  client.send(get(`${roles}/reader`) + get("/ping"));
  await agent.clock.waiting(5_000);
  agent.store.apply(someChanges({ identities: [issued()] }));

  expect((await client.answer()).body).toContain("ASIAREADER");
  expect((await client.answer()).body).toBe("pong");
});

test("a token is minted for a request with a body nobody asked for", async () => {
  await using agent = await serving([anyone]);
  await using client = await connectRaw(agent.port);

  client.send(
    "PUT /latest/api/token HTTP/1.1\r\nHost: 169.254.169.254\r\nX-aws-ec2-metadata-token-ttl-seconds: 60\r\nContent-Length: 4\r\n\r\nbody",
  );
  const minted = await client.answer();
  client.send(get("/ping"));

  expect([minted.status, minted.headers.get("x-aws-ec2-metadata-token-ttl-seconds")]).toEqual([200, "60"]);
  expect((await client.answer()).body).toBe("pong");
});

test("a client that hangs up while it waits ends the question that was asked for it", async () => {
  await using agent = await serving([aSnapshot([aPod])]);
  await using client = await connectRaw(agent.port);
  client.send(get(`${roles}/reader`));
  await agent.clock.waiting(5_000);
  const aborted = new Promise<void>((resolve) =>
    agent.servers.question.signal.addEventListener("abort", () => resolve()),
  );

  client.hangUp();

  await aborted;
  expect(agent.servers.questions.length).toBe(1);
});

test("the connection of a former pod is closed as soon as its address is another's", async () => {
  await using agent = await serving([anyone]);
  await using client = await connectRaw(agent.port);
  client.send(get(roles));
  await client.answer();

  agent.store.apply(someChanges({ removed: ["uid-1"], pods: [aNodePod({ uid: "uid-2", addresses: ["127.0.0.1"] })] }));
  await client.closed();

  expect((await agent.metrics.connectionsCutByReuse.get()).values[0]?.value).toBe(1);
});

test("the connection of a former pod gets nothing, though its address was nobody's for a while", async () => {
  await using agent = await serving([anyone]);
  await using client = await connectRaw(agent.port);
  client.send(get(roles));
  await client.answer();
  agent.store.apply(someChanges({ removed: ["uid-1"] }));
  client.send(get(`${roles}/reader`));
  await agent.clock.waiting(800);

  agent.store.apply(
    someChanges({ pods: [aNodePod({ uid: "uid-2", addresses: ["127.0.0.1"] })], identities: [issued()] }),
  );

  expect(await client.closed()).not.toContain("ASIAREADER");
});

test("a new connection of the address's next owner is served", async () => {
  await using agent = await serving([anyone]);
  agent.store.apply(
    someChanges({
      removed: ["uid-1"],
      pods: [aNodePod({ uid: "uid-2", addresses: ["127.0.0.1"], annotatedRole: "writer" })],
    }),
  );
  await using client = await connectRaw(agent.port);

  client.send(get(roles));

  expect((await client.answer()).body).toBe("writer");
});

test("a pod has 128 connections; one more is told so, another pod's is served, and a closed one makes room", async () => {
  await using agent = await serving([anyone]);
  await using held = new AsyncDisposableStack();
  const first = await connectPing(agent.port);
  held.use(first);
  for (let count = 1; count < 128; count += 1) {
    held.use(await connectPing(agent.port));
  }

  await using surplus = await connectRaw(agent.port);
  surplus.send(get("/ping"));
  const refused = await surplus.answer();
  await using neighbour = await connectRaw(agent.port, { from: "127.0.0.2" });
  neighbour.send(get("/ping"));
  const served = await neighbour.answer();
  await surplus.closed();
  first.hangUp();
  await first.closed();
  const next = await untilServed(agent.port);

  expect([refused.status, served.status, next]).toEqual([429, 200, 200]);
  expect(refused.headers.get("server")).toBe("kiam");
});

async function connectPing(port: number): Promise<RawConnection> {
  const client = await connectRaw(port);
  client.send(get("/ping"));
  await client.answer();
  return client;
}

/** The listener learns of a hang-up a moment after the client. */
async function untilServed(port: number): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    await using client = await connectRaw(port);
    client.send(get("/ping"));
    const { status } = await client.answer();
    if (status !== 429) {
      return status;
    }
  }
  return 429;
}

test("?ip= names the pod where that was asked for, on one connection one after the other", async () => {
  const other = aNodePod({ uid: "uid-2", addresses: ["10.0.0.2"], annotatedRole: "writer" });
  await using agent = await serving([aSnapshot([aPod, other])], { callers: { kind: "query" } });
  await using client = await connectRaw(agent.port);
  const bodies: string[] = [];

  for (const query of ["?ip=10.0.0.2", "", "?ip=nonsense"]) {
    client.send(get(`${roles}${query}`));
    const { status, body } = await client.answer();
    bodies.push(status === 200 ? body : String(status));
  }

  expect(bodies).toEqual(["writer", "reader", "400"]);
});

test("?ip= means nothing where it was not asked for", async () => {
  const other = aNodePod({ uid: "uid-2", addresses: ["10.0.0.2"], annotatedRole: "writer" });
  await using agent = await serving([aSnapshot([aPod, other])]);
  await using client = await connectRaw(agent.port);

  client.send(get(`${roles}?ip=10.0.0.2`));

  expect((await client.answer()).body).toBe("reader");
});

test("a listener that stands for a pod serves that pod, and no web page", async () => {
  const other = aNodePod({ uid: "uid-2", addresses: ["10.0.0.2"], annotatedRole: "writer" });
  await using agent = await serving([aSnapshot([other])], {
    callers: { kind: "fixed", address: anAddress("10.0.0.2") },
  });
  await using client = await connectRaw(agent.port);

  client.send(get(roles));
  const own = await client.answer();
  client.send(get(roles, "Origin: http://evil.example\r\n"));
  const origin = await client.answer();
  client.send(get(roles, "Sec-Fetch-Mode: no-cors\r\n"));
  const fetched = await client.answer();

  expect([own.body, origin.status, fetched.status]).toEqual(["writer", 403, 403]);
});

test("closed, it takes no connection, and closes those that wait after two seconds", async () => {
  const agent = await serving([aSnapshot([aPod])]);
  await using idle = await connectRaw(agent.port);
  idle.send(get("/ping"));
  await idle.answer();
  await using waiting = await connectRaw(agent.port);
  waiting.send(get(`${roles}/reader`));
  await agent.clock.waiting(5_000);

  const closing = agent.server[Symbol.asyncDispose]();
  await idle.closed();
  await agent.clock.waiting(2_000);
  await agent.clock.advance(2_000);
  await closing;
  await waiting.closed();
  await settle();

  await expect(connectRaw(agent.port)).rejects.toThrow();
});

test("an address in use is one clear line", async () => {
  await using agent = await serving([]);

  const second = serving([], { port: agent.port });

  await expect(second).rejects.toThrow(MetadataListenError);
  await expect(second).rejects.toThrow(`can't listen on 127.0.0.1:${agent.port}: address in use`);
});
