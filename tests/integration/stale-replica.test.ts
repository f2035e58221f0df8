import { expect, test } from "bun:test";
import { waitFor } from "../e2e/lab/wait.ts";
import { createCluster } from "./cluster/cluster.ts";
import { credentialsOf, podAt, statusIs } from "./cluster/pod-client.ts";
import { aPodWithRole } from "./cluster/world.ts";

const address = "127.1.0.1";

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
  return { cluster, fresh, agent, pod, former, [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose]() };
}

test("an address's next owner gets nothing of the former pod's from a replica that is behind", async () => {
  await using served = await servedByTheFresh();
  const { cluster, agent, pod } = served;
  cluster.world.remove(served.former);
  cluster.world.put(aPodWithRole("writer", address));
  await waitFor(
    "the next owner's role",
    credentialsOf(() => pod.credentials("writer")),
  );

  cluster.named = (replica) => replica !== served.fresh;
  await served.fresh.kill();
  await agent.outOfSync();
  await agent.inSync();
  const answers = [await pod.roleName(), await pod.credentials("reader"), await pod.credentials("writer")];

  expect(answers.map(({ status }) => status)).toEqual([503, 503, 503]);
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
