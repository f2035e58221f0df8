import { afterAll, beforeAll, expect, test } from "bun:test";
import { createInstanceMetadata } from "../../src/agent/metadata/instance-metadata.ts";
import { type MetadataServer, serveMetadata } from "../../src/agent/metadata/serve.ts";
import { matchRoutes } from "../../src/cli/route-pattern.ts";
import { type Clock, systemClock } from "../../src/runtime/clock.ts";
import { canary, type LenientMetadata, serveLenientMetadata } from "../fakes/lenient-metadata.ts";
import { metadataParts } from "../fakes/metadata-services.ts";
import { aNodePod, aSnapshot, issued } from "../fakes/node-pods.ts";
import { type HostileRequest, hostileRequests } from "../fixtures/hostile-requests.ts";
import { connectRaw } from "../fixtures/raw-http.ts";

// An agent that forwards `.*`, through real sockets on both sides, before a metadata service that gives its keys to every spelling.

/** The budget is tested elsewhere: here a second passes at each look, so that everything that may be forwarded is. */
function hastyClock(): Clock {
  let aheadMs = 0;
  return {
    ...systemClock,
    now() {
      aheadMs += 1_000;
      return systemClock.now() + aheadMs;
    },
  };
}

let service: LenientMetadata;
let agent: MetadataServer;
beforeAll(async () => {
  service = await serveLenientMetadata();
  const pod = aNodePod({ addresses: ["127.0.0.1"] });
  const { options } = metadataParts(aSnapshot([pod], [issued()]));
  const clock = hastyClock();
  agent = await serveMetadata({
    ...options,
    clock,
    ...{ hosts: ["127.0.0.1"], port: 0, callers: { kind: "socket" } },
    forwarding: {
      isAllowed: matchRoutes(".*"),
      metadata: createInstanceMetadata({ endpoint: service.url, clock: systemClock }),
    },
  });
});
afterAll(async () => {
  await agent?.[Symbol.asyncDispose]();
  await service?.[Symbol.asyncDispose]();
});

/** What came back until the other side closed. */
async function exchange(port: number, { bytes }: HostileRequest): Promise<string> {
  await using connection = await connectRaw(port);
  connection.send(bytes);
  return await connection.closed();
}

/** All answers, some requests at a time. */
async function exchangeAll(port: number, requests: readonly HostileRequest[]): Promise<readonly string[]> {
  const answers: string[] = [];
  for (let start = 0; start < requests.length; start += 16) {
    const some = requests.slice(start, start + 16);
    answers.push(...(await Promise.all(some.map((request) => exchange(port, request)))));
  }
  return answers;
}

const hostile = hostileRequests();

test("a pod that may have everything forwarded gets the node's credentials by no spelling of a path", async () => {
  const answers = await exchangeAll(agent.port, hostile);

  const leaks = hostile.filter((_, index) => answers[index]?.includes(canary)).map(({ name }) => name);
  expect(leaks).toEqual([]);
  expect(hostile.length).toBeGreaterThanOrEqual(1_475);
  // Some carry the path where it counts for nothing: what leaves is the harmless document in their targets.
  expect([...new Set(service.documents)].toSorted()).toEqual(["/latest/meta-data/instance-id"]);
}, 60_000);

test("the service behind gives its keys for most of them, asked by itself", async () => {
  const answers = await exchangeAll(service.port, hostile);

  const leaks = answers.filter((answer) => answer.includes(canary)).length;
  expect(leaks / hostile.length).toBeGreaterThan(0.8);
}, 60_000);

test("what is harmless is forwarded, rebuilt: no body, and none of the client's headers", async () => {
  const before = service.requests.length;
  const headers = [
    "Content-Length: 4",
    "X-aws-ec2-metadata-token: the-pods",
    "X-Forwarded-For: 1.2.3.4",
    "Cookie: a=b",
  ];
  const head = [
    "GET /latest/meta-data/instance-id?x=y HTTP/1.1",
    "Host: 169.254.169.254",
    "Connection: close",
    ...headers,
  ];

  const answer = await exchange(agent.port, { name: "harmless", bytes: `${head.join("\r\n")}\r\n\r\nbody` });

  const sent = service.requests.slice(before).find(({ method }) => method === "GET");
  expect(answer).toStartWith("HTTP/1.1 200 ");
  expect(answer).toEndWith("\r\n\r\ni-0123456789abcdef0");
  expect([sent?.target, sent?.body]).toEqual(["/latest/meta-data/instance-id", ""]);
  expect(sent?.headers).toEqual({
    host: `127.0.0.1:${service.port}`,
    connection: "close",
    "x-aws-ec2-metadata-token": "token-1",
  });
});
