import { expect, test } from "bun:test";
import { waitFor } from "../e2e/lab/wait.ts";
import { aRole } from "../fakes/roles.ts";
import { createMovedClock } from "./cluster/clocks.ts";
import { createCluster } from "./cluster/cluster.ts";
import { credentialsOf, podAt, statusIs } from "./cluster/pod-client.ts";
import { roleBaseArn } from "./cluster/replica.ts";
import { aPodWithRole } from "./cluster/world.ts";

/** What takes effect at once has this long. */
const atOnceMs = 1_000;

test("pods that were there before their agent get their own roles' credentials", async () => {
  await using cluster = await createCluster();
  cluster.world.put(aPodWithRole("reader", "127.1.0.1"));
  cluster.world.put(aPodWithRole("writer", "127.1.0.2"));
  const agent = await cluster.startAgent();
  const [reader, writer] = [podAt("127.1.0.1", agent), podAt("127.1.0.2", agent)];

  const names = [await reader.roleName(), await writer.roleName()];
  const answers = [await reader.credentials("reader"), await writer.credentials("writer")];

  expect(names.map(({ body }) => body)).toEqual(["reader", "writer"]);
  expect(answers.map(cluster.roleOf)).toEqual(["reader", "writer"]);
});

test("a pod that comes later is served, and one of another node is not known here", async () => {
  await using cluster = await createCluster();
  const agent = await cluster.startAgent();

  cluster.world.put(aPodWithRole("reader", "127.1.0.1"));
  cluster.world.put(aPodWithRole("writer", "127.1.0.2", { nodeName: "node-b" }));
  const answer = await podAt("127.1.0.1", agent).credentials("reader");
  const foreign = await podAt("127.1.0.2", agent).credentials("writer");

  expect(cluster.roleOf(answer)).toBe("reader");
  expect([foreign.status, foreign.message]).toEqual([503, "no pod is known at this address"]);
});

test("a changed annotation takes the former role away at once, and gives the new one", async () => {
  await using cluster = await createCluster();
  const before = cluster.world.put(aPodWithRole("reader", "127.1.0.1"));
  const agent = await cluster.startAgent();
  const pod = podAt("127.1.0.1", agent);
  await waitFor(
    "the first role's credentials",
    credentialsOf(() => pod.credentials("reader")),
  );

  cluster.world.put({ ...before, request: { source: "pod-annotation", role: "writer" } });
  const refused = await waitFor(
    "the first role's end",
    statusIs(403, () => pod.credentials("reader")),
    atOnceMs,
  );
  const answer = await pod.credentials("writer");

  expect(refused.message).toBe("requested 'reader' but annotated with 'writer', forbidden");
  expect((await pod.roleName()).body).toBe("writer");
  expect(cluster.roleOf(answer)).toBe("writer");
});

test("what a namespace no longer permits is withdrawn at once, and given back with the permission", async () => {
  await using cluster = await createCluster();
  cluster.world.put(aPodWithRole("reader", "127.1.0.1"));
  const agent = await cluster.startAgent();
  const pod = podAt("127.1.0.1", agent);
  await waitFor(
    "the credentials",
    credentialsOf(() => pod.credentials("reader")),
  );

  cluster.world.permit("default", ".*role/writer");
  const refused = await waitFor(
    "the end",
    statusIs(403, () => pod.credentials("reader")),
    atOnceMs,
  );
  cluster.world.permit("default", ".*role/(reader|writer)");
  const answer = await waitFor(
    "the return",
    credentialsOf(() => pod.credentials("reader")),
    atOnceMs,
  );

  expect(refused.message).toBe(
    "namespace policy expression '.*role/writer' forbids role 'arn:aws:iam::123456789012:role/reader'",
  );
  expect(cluster.roleOf(answer)).toBe("reader");
});

test("a deleted pod's address is nobody's at once", async () => {
  await using cluster = await createCluster();
  const gone = cluster.world.put(aPodWithRole("reader", "127.1.0.1"));
  const agent = await cluster.startAgent();
  const pod = podAt("127.1.0.1", agent);
  await waitFor(
    "the credentials",
    credentialsOf(() => pod.credentials("reader")),
  );

  cluster.world.remove(gone);
  await waitFor(
    "the agent to forget the pod",
    async () => (await agent.metric("kiam_agent_store_pods")) === 0 || undefined,
    atOnceMs,
  );
  const answer = await pod.credentials("reader");

  expect([answer.status, answer.message]).toEqual([503, "no pod is known at this address"]);
});

test("renewed credentials reach the pod without a call on its request's way", async () => {
  const clock = createMovedClock();
  await using cluster = await createCluster(1, { clock });
  cluster.world.put(aPodWithRole("reader", "127.1.0.1"));
  const agent = await cluster.startAgent();
  const pod = podAt("127.1.0.1", agent);
  const first = await waitFor(
    "the first credentials",
    credentialsOf(() => pod.credentials("reader")),
  );
  const calls = await agent.metric("grpc_client_started_total");

  clock.putForward(40 * 60_000);
  const renewed = await waitFor("the next credentials", async () => {
    const answer = await pod.credentials("reader");
    return answer.accessKeyId === first.accessKeyId ? undefined : answer;
  });

  expect(cluster.roleOf(renewed)).toBe("reader");
  expect(await agent.metric("grpc_client_started_total")).toBe(calls);
});

test("credentials are there when a pod gets its address, because they are fetched once it is scheduled", async () => {
  await using cluster = await createCluster();
  const agent = await cluster.startAgent();
  const scheduled = cluster.world.put({ ...aPodWithRole("reader", "127.1.0.1"), addresses: [] });
  await waitFor(
    "the agent to hold them",
    async () => (await agent.metric("kiam_agent_store_identities")) === 1 || undefined,
  );

  cluster.world.put({ ...scheduled, addresses: aPodWithRole("reader", "127.1.0.1").addresses });
  const answer = await podAt("127.1.0.1", agent).credentials("reader");

  expect(cluster.roleOf(answer)).toBe("reader");
  expect(cluster.replicas[0]?.sts.calls.length).toBe(1);
});

test("a replica asks STS nothing for pods of nodes whose streams it does not hold, nor for pods that are denied", async () => {
  await using cluster = await createCluster(2);
  cluster.world.permit("closed", "");
  cluster.world.put(aPodWithRole("reader", "127.1.0.1"));
  cluster.world.put(aPodWithRole("writer", "127.1.0.2", { nodeName: "node-b" }));
  cluster.world.put(aPodWithRole("admin", "127.1.0.3", { namespace: "closed" }));
  const agent = await cluster.startAgent();
  await waitFor(
    "the credentials",
    credentialsOf(() => podAt("127.1.0.1", agent).credentials("reader")),
  );

  const asked = cluster.replicas.flatMap(({ sts }) => sts.calls.map(({ identity }) => identity.role));

  expect(asked).toEqual([aRole(`${roleBaseArn}reader`)]);
});

test("a thousand requests for what is held cost no call of a server", async () => {
  await using cluster = await createCluster();
  cluster.world.put(aPodWithRole("reader", "127.1.0.1"));
  const agent = await cluster.startAgent();
  const pod = podAt("127.1.0.1", agent);
  await waitFor(
    "the credentials",
    credentialsOf(() => pod.credentials("reader")),
  );
  const calls = await agent.metric("grpc_client_started_total");

  const statuses = new Set<number>();
  for (let count = 0; count < 1_000; count += 1) {
    statuses.add((await pod.credentials("reader")).status);
  }

  expect([...statuses]).toEqual([200]);
  expect(await agent.metric("grpc_client_started_total")).toBe(calls);
});

test("an agent that was given no node is served the node that its host's pods are on", async () => {
  await using cluster = await createCluster();
  cluster.world.put(aPodWithRole("reader", "127.1.0.1", { hostIp: "192.168.7.1" }));
  const agent = await cluster.startAgent({ nodeName: "", hostIp: "192.168.7.1", tls: cluster.pki.agent() });

  const answer = await waitFor(
    "the credentials",
    credentialsOf(() => podAt("127.1.0.1", agent).credentials("reader")),
  );

  expect(cluster.roleOf(answer)).toBe("reader");
});
