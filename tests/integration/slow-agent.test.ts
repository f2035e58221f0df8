import { expect, test } from "bun:test";
import { waitFor } from "../e2e/lab/wait.ts";
import { createCluster } from "./cluster/cluster.ts";
import { credentialsOf, podAt } from "./cluster/pod-client.ts";
import { aPodWithRole } from "./cluster/world.ts";

/** Beside kilobytes of a change, what a queue of this many would take could not be overlooked. */
const changes = 20_000;
const changeBytes = 4_096;

const heapBytes = (): number => {
  Bun.gc(true);
  return process.memoryUsage().heapUsed;
};

/** Lets what was told reach the streams. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

test("an agent that has stopped reading costs the server no memory, delays nobody, and then gets the newest state", async () => {
  await using cluster = await createCluster();
  const [server] = cluster.replicas;
  const busy = cluster.world.put(aPodWithRole("reader", "127.1.0.1"));
  const slow = await cluster.startAgent({ nodeName: "node-a" });
  server?.network.stall();
  const quick = await cluster.startAgent({ nodeName: "node-b" });
  const pod = podAt("127.1.0.1", slow);
  const messages = async () => (await server?.metric("kiam_feed_messages_total")) ?? 0;
  const [heapBefore, messagesBefore] = [heapBytes(), await messages()];

  for (let change = 1; change <= changes; change += 1) {
    cluster.world.put({ ...busy, name: `${change}-${"x".repeat(changeBytes)}` });
    await turn();
  }
  const grownBytes = heapBytes() - heapBefore;
  const told = (await messages()) - messagesBefore;
  cluster.world.put(aPodWithRole("writer", "127.1.0.2", { nodeName: "node-b" }));
  const tookMs = performance.now();
  const other = await podAt("127.1.0.2", quick).credentials("writer");
  const delayMs = performance.now() - tookMs;

  cluster.world.put({ ...busy, request: { source: "pod-annotation", role: "newest" } });
  server?.network.resume();
  const newest = await waitFor(
    "the slow agent to catch up",
    credentialsOf(() => pod.credentials("newest")),
  );

  expect(grownBytes).toBeLessThan((changes * changeBytes) / 4);
  expect(told).toBeLessThan(changes / 10);
  expect(cluster.roleOf(other)).toBe("writer");
  expect(delayMs).toBeLessThan(1_000);
  expect(cluster.roleOf(newest)).toBe("newest");
}, 30_000);

test("while it reads nothing, an agent goes on serving what it holds", async () => {
  await using cluster = await createCluster();
  cluster.world.put(aPodWithRole("reader", "127.1.0.1"));
  const agent = await cluster.startAgent();
  const pod = podAt("127.1.0.1", agent);
  const held = await waitFor(
    "the credentials",
    credentialsOf(() => pod.credentials("reader")),
  );

  cluster.replicas[0]?.network.stall();
  const answer = await pod.credentials("reader");

  expect(answer.accessKeyId).toBe(held.accessKeyId);
});

test("an agent that goes while it reads nothing leaves nothing behind at the server", async () => {
  await using cluster = await createCluster();
  const [server] = cluster.replicas;
  const pod = cluster.world.put(aPodWithRole("reader", "127.1.0.1"));
  const agent = await cluster.startAgent();
  server?.network.stall();
  for (let change = 1; change <= 100; change += 1) {
    cluster.world.put({ ...pod, name: `${change}-${"x".repeat(changeBytes)}` });
    await turn();
  }

  await agent[Symbol.asyncDispose]();
  await waitFor("the stream to be let go", async () => (await server?.metric("kiam_feed_streams")) === 0 || undefined);
  await waitFor("the connection to be closed", () => server?.network.connections === 0 || undefined);
  const later = await cluster.startAgent();

  expect(await later.metric("kiam_agent_store_pods")).toBe(1);
});
