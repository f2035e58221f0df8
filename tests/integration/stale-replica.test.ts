import { expect, test } from "bun:test";
import type { Pod } from "../../src/domain/pod.ts";
import { waitFor } from "../e2e/lab/wait.ts";
import { type Cluster, createCluster } from "./cluster/cluster.ts";
import { credentialsOf, podAt, statusIs } from "./cluster/pod-client.ts";
import { aPodWithRole } from "./cluster/world.ts";

const address = "127.1.0.1";
const writer = { source: "pod-annotation", role: "writer" } as const;

/** An agent on the first of two replicas, whose pod has its credentials; the second knows the pod and hears nothing more. */
async function servedByTheFresh() {
  const cluster = await createCluster(2);
  const [fresh, stale] = cluster.replicas;
  if (fresh === undefined || stale === undefined) {
    throw new Error("the cluster has two replicas");
  }
  cluster.named = (replica) => replica === fresh;
  const former = cluster.world.put(aPodWithRole("reader", address));
  stale.fallBehind();
  const agent = await cluster.startAgent();
  const pod = podAt(address, agent);
  await waitFor(
    "the credentials",
    credentialsOf(() => pod.credentials("reader")),
  );
  const moveToTheStale = async () => {
    cluster.named = (replica) => replica !== fresh;
    await fresh.kill();
    await agent.outOfSync();
    await agent.inSync();
  };
  return {
    ...{ cluster, fresh, agent, pod, former, moveToTheStale },
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  };
}

test("an address's next owner keeps its role, and gets nothing of the former pod's, at a replica that is behind", async () => {
  await using served = await servedByTheFresh();
  const { cluster, agent, pod } = served;
  cluster.world.remove(served.former);
  cluster.world.put(aPodWithRole("writer", address));
  const before = await waitFor(
    "the next owner's role",
    credentialsOf(() => pod.credentials("writer")),
  );

  await served.moveToTheStale();
  const [name, former, own] = [await pod.roleName(), await pod.credentials("reader"), await pod.credentials("writer")];

  expect([name.body, former.status, own.status]).toEqual(["writer", 403, 200]);
  expect(own.accessKeyId).toBe(before.accessKeyId);
  expect(await agent.metric("kiam_agent_feed_connected")).toBe(1);
});

test.each([
  ["by the pod's annotation", ({ world }: Cluster, pod: Pod) => void world.put({ ...pod, request: writer })],
  ["by its namespace", ({ world }: Cluster) => world.permit("default", ".*role/writer")],
] as const)("a role that was withdrawn %s does not come back at a replica that is behind", async (_, withdraw) => {
  await using served = await servedByTheFresh();
  const { cluster, pod } = served;
  withdraw(cluster, served.former);
  await waitFor(
    "the end",
    statusIs(403, () => pod.credentials("reader")),
  );

  await served.moveToTheStale();
  const refused = await pod.credentials("reader");

  expect(refused.status).toBe(403);
});

test("a pod that is gone is not found again by asking a replica that is behind", async () => {
  await using served = await servedByTheFresh();
  const { cluster, pod } = served;
  cluster.world.remove(served.former);
  await waitFor(
    "the end",
    statusIs(503, () => pod.roleName()),
  );

  cluster.named = (replica) => replica !== served.fresh;
  await served.fresh.kill();
  const asked = await pod.credentials("reader");

  expect(asked.status).toBe(503);
});
