import { expect, test } from "bun:test";
import { createBacklog } from "../../../../src/agent/metadata/backlog.ts";
import { serveMetadata } from "../../../../src/agent/metadata/serve.ts";
import { metadataParts } from "../../../fakes/metadata-services.ts";
import { aNodePod, aSnapshot, issued, someChanges } from "../../../fakes/node-pods.ts";
import { connectRaw } from "../../../fixtures/raw-http.ts";

const pod = aNodePod({ addresses: ["127.0.0.1"] });
const other = aNodePod({ uid: "uid-2", addresses: ["127.0.0.2"] });
const credentials = "GET /latest/meta-data/iam/security-credentials/reader HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n";
const ping = "GET /ping HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n";

/** An agent that knows two pods whose credentials are still on their way. */
async function serving() {
  const parts = metadataParts(aSnapshot([pod, other]));
  const server = await serveMetadata({
    ...parts.options,
    hosts: ["127.0.0.1"],
    port: 0,
    callers: { kind: "socket" },
  });
  return { ...parts, port: server.port, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

test("a client that sends requests ahead without end is cut off, and another's is served", async () => {
  await using agent = await serving();
  await using flood = await connectRaw(agent.port);
  await using neighbour = await connectRaw(agent.port, { from: "127.0.0.2" });

  flood.send(credentials.repeat(18));
  const received = await flood.closed();
  neighbour.send(ping);

  expect(received).toBe("");
  expect((await neighbour.answer()).body).toBe("pong");
});

test("requests sent ahead in moderation are answered, round after round", async () => {
  await using agent = await serving();
  await using client = await connectRaw(agent.port);

  const bodies: string[] = [];
  for (let round = 0; round < 20; round += 1) {
    agent.store.apply(aSnapshot([]));
    agent.store.apply(aSnapshot([pod]));
    client.send(credentials + ping.repeat(8));
    await agent.clock.waiting(5_000);
    agent.store.apply(someChanges({ identities: [issued()] }));
    for (let answer = 0; answer < 9; answer += 1) {
      bodies.push((await client.answer()).body);
    }
  }

  expect(bodies.filter((body) => body === "pong").length).toBe(160);
  expect(bodies.filter((body) => body.includes("ASIAREADER")).length).toBe(20);
});

test("a client that reads nothing for fifteen seconds loses its connection, told of by one listener", () => {
  const listeners: (() => void)[] = [];
  const times: number[] = [];
  let isDestroyed = false;
  const socket = {
    setTimeout: (ms: number) => times.push(ms),
    on: (_event: string, listener: () => void) => listeners.push(listener),
    destroy: () => {
      isDestroyed = true;
    },
  };
  const backlog = createBacklog(socket);

  backlog.expectReading();
  backlog.expectReading();
  listeners[0]?.();

  expect([times, listeners.length, isDestroyed]).toEqual([[15_000, 15_000], 1, true]);
});
