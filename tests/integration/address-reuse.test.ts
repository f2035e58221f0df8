import { expect, test } from "bun:test";
import { waitFor } from "../e2e/lab/wait.ts";
import type { StsCall } from "../fakes/sts.ts";
import { createCluster } from "./cluster/cluster.ts";
import { credentialsOf, keptConnection, podAt } from "./cluster/pod-client.ts";
import { aPodWithRole } from "./cluster/world.ts";

const address = "127.1.0.1";
const laterMs = Date.UTC(2026, 6, 1);

test("an address that goes to another pod answers with that pod's role and never again with the former's", async () => {
  await using cluster = await createCluster();
  const former = cluster.world.put(aPodWithRole("reader", address));
  const agent = await cluster.startAgent();
  const pod = podAt(address, agent);
  await waitFor(
    "the former pod's credentials",
    credentialsOf(() => pod.credentials("reader")),
  );

  cluster.world.remove(former);
  cluster.world.put(aPodWithRole("writer", address, { startedAtMs: laterMs }));
  const answer = await waitFor(
    "the new pod's credentials",
    credentialsOf(() => pod.credentials("writer")),
  );
  const refused = await pod.credentials("reader");

  expect(cluster.roleOf(answer)).toBe("writer");
  expect([refused.status, refused.message]).toEqual([403, "requested 'reader' but annotated with 'writer', forbidden"]);
});

test("the new pod has the address at once also where the former is told to be gone only later", async () => {
  await using cluster = await createCluster();
  const former = cluster.world.put(aPodWithRole("reader", address));
  const agent = await cluster.startAgent();
  const pod = podAt(address, agent);
  await waitFor(
    "the former pod's credentials",
    credentialsOf(() => pod.credentials("reader")),
  );

  cluster.world.put(aPodWithRole("writer", address, { startedAtMs: laterMs }));
  const answer = await waitFor(
    "the new pod's credentials",
    credentialsOf(() => pod.credentials("writer")),
  );
  cluster.world.remove(former);
  const after = await pod.credentials("writer");

  expect([answer, after].map(cluster.roleOf)).toEqual(["writer", "writer"]);
});

test("the former pod's kept connection is closed and never answers for the new pod", async () => {
  await using cluster = await createCluster();
  const former = cluster.world.put(aPodWithRole("reader", address));
  const agent = await cluster.startAgent();
  await waitFor(
    "the former pod's credentials",
    credentialsOf(() => podAt(address, agent).credentials("reader")),
  );
  using connection = await keptConnection(address, agent);
  const before = await connection.credentials("reader");

  cluster.world.remove(former);
  cluster.world.put(aPodWithRole("writer", address, { startedAtMs: laterMs }));
  await connection.closed;

  expect(cluster.roleOf(before)).toBe("reader");
  expect(await agent.metric("kiam_agent_reused_address_connections_closed_total")).toBe(1);
});

test("a pod that goes while STS is asked on its behalf gets nothing of what comes back, nor does its successor", async () => {
  await using cluster = await createCluster();
  const [server] = cluster.replicas;
  const asked = Promise.withResolvers<StsCall>();
  server?.sts.onCall((call) => (call.identity.role.endsWith("/reader") ? asked.resolve(call) : call.issue()));
  const former = cluster.world.put(aPodWithRole("reader", address));
  const agent = await cluster.startAgent();
  const pod = podAt(address, agent);
  const waiting = pod.credentials("reader").then(
    ({ status }) => status,
    () => "connection closed",
  );
  const call = await asked.promise;
  await waitFor("the agent to ask", async () => (await agent.metric("kiam_agent_lookups_total")) === 1 || undefined);

  cluster.world.remove(former);
  cluster.world.put(aPodWithRole("writer", address, { startedAtMs: laterMs }));
  const outcome = await waiting;
  call.issue();
  const next = await waitFor(
    "the new pod's credentials",
    credentialsOf(() => pod.credentials("writer")),
  );

  expect(outcome).toBe("connection closed");
  expect(cluster.roleOf(next)).toBe("writer");
});

test("where the connection says nothing of the pod, a request that waited for the former pod is told that it is gone", async () => {
  await using cluster = await createCluster();
  const asked = Promise.withResolvers<StsCall>();
  cluster.replicas[0]?.sts.onCall(asked.resolve);
  const former = cluster.world.put(aPodWithRole("reader", address));
  const agent = await cluster.startAgent({ callers: { kind: "query" } });
  const anybody = podAt("127.0.0.1", agent);
  const waiting = anybody.credentials(`reader?ip=${address}`);
  const call = await asked.promise;
  await waitFor("the agent to ask", async () => (await agent.metric("kiam_agent_lookups_total")) === 1 || undefined);

  cluster.world.remove(former);
  cluster.world.put(aPodWithRole("reader", address, { namespace: "closed", startedAtMs: laterMs }));
  const answer = await waiting;
  call.issue();

  expect([answer.status, answer.message]).toEqual([503, "the address has gone to another pod"]);
});
