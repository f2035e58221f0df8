import { describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { waitFor } from "../e2e/lab/wait.ts";
import { callerOf, refusalOf, snapshotOf } from "./cluster/caller.ts";
import { type Cluster, createCluster } from "./cluster/cluster.ts";
import { createPki } from "./cluster/pki.ts";
import { credentialsOf, podAt } from "./cluster/pod-client.ts";
import type { ReplicaOptions, TestReplica } from "./cluster/replica.ts";
import { aPodWithRole } from "./cluster/world.ts";

/** One pod on each of two nodes: the reader at 127.1.0.1 on node-a, the writer at 127.1.0.2 on node-b. */
async function twoNodes(options: Partial<ReplicaOptions> = {}): Promise<{
  readonly cluster: Cluster;
  readonly server: TestReplica;
  readonly [Symbol.asyncDispose]: () => PromiseLike<void>;
}> {
  const cluster = await createCluster(0, options);
  cluster.world.put(aPodWithRole("reader", "127.1.0.1"));
  cluster.world.put(aPodWithRole("writer", "127.1.0.2", { nodeName: "node-b" }));
  const server = await cluster.startReplica();
  return { cluster, server, [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose]() };
}

/** What a caller is told who asks for the writer, by each way there is. */
function asksForWriter({ node, kiam }: ReturnType<typeof callerOf>, claim = { nodeName: "" }) {
  return Promise.all([
    refusalOf(node.lookupPod({ claim, address: "127.1.0.2", withCredentials: true })),
    refusalOf(kiam.getPodRole({ ip: "127.1.0.2" })),
    refusalOf(kiam.getPodCredentials({ ip: "127.1.0.2", role: "writer" })),
  ]);
}

describe.each(["prefer", "required"] as const)("with --agent-identity=%s", (agentIdentity) => {
  test("a stolen node certificate gives that node's pods and no other's, on both services", async () => {
    await using world = await twoNodes({ agentIdentity });
    using thief = callerOf(world.server, world.cluster.pki.nodeAgent("node-a"));

    const own = await snapshotOf(thief);
    const other = await refusalOf(snapshotOf(thief, "node-b"));
    const byLookup = await refusalOf(thief.node.lookupPod({ claim: { nodeName: "node-b" }, address: "127.1.0.2" }));
    const unnamed = await asksForWriter(thief);

    const notYours = "the agent is proved to be on node node-a and asks for node node-b";
    expect(own).toEqual(["pod-127.1.0.1"]);
    expect([other, byLookup]).toEqual([`PermissionDenied: ${notYours}`, `PermissionDenied: ${notYours}`]);
    expect(unnamed).toEqual([
      "NotFound: no live pod of the node has the address",
      "Unknown: no pod found",
      "Unknown: no pod found",
    ]);
    expect(world.server.sts.calls.filter(({ identity }) => identity.role.endsWith("/writer"))).toEqual([]);
  });

  test("an agent that names another node than its certificate serves no pod, and says why", async () => {
    await using world = await twoNodes({ agentIdentity });
    const agent = await world.cluster.startAgent({
      nodeName: "node-b",
      tls: world.cluster.pki.nodeAgent("node-a"),
      waits: false,
    });

    const line = await waitFor("the refusal", () => agent.lines.find(({ level }) => level === "warn"));
    const answers = [
      await podAt("127.1.0.2", agent).credentials("writer"),
      await podAt("127.1.0.1", agent).credentials("reader"),
    ];

    expect(line.message).toContain("does not serve node 'node-b' to this agent");
    expect(line.message).toContain("--node-name must be the node that its certificate or token proves");
    expect(answers.map(({ status }) => status)).toEqual([503, 503]);
  });

  test("whoever has no certificate of this authority is not heard at all", async () => {
    await using world = await twoNodes({ agentIdentity });
    const foreign = createPki("another authority").nodeAgent("node-a");
    using stranger = callerOf(world.server, { ...foreign, ca: world.cluster.pki.ca });

    const refusals = [
      await refusalOf(snapshotOf(stranger)),
      await refusalOf(stranger.kiam.getHealth({})),
      ...(await asksForWriter(stranger)),
    ];

    expect(refusals.map((refusal) => refusal.split(":")[0])).toEqual(refusals.map(() => "Unavailable"));
    expect(await world.server.metric("grpc_server_started_total")).toBe(0);
    expect(await world.server.metric("kiam_tls_refused_certificates_total")).toBeGreaterThan(0);
    expect(world.server.lines.map(({ message }) => message)).toContain(
      "refused a connection whose certificate TLS does not accept",
    );
  });
});

test("a probe that opens the server's port and leaves is nobody's error", async () => {
  await using world = await twoNodes();
  const probe = connect(world.server.port, "127.0.0.1");
  await new Promise((resolve) => probe.once("connect", resolve));
  probe.end();
  await new Promise((resolve) => probe.once("close", resolve));
  using stranger = callerOf(world.server, { ...createPki("another authority").agent(), ca: world.cluster.pki.ca });

  await refusalOf(stranger.kiam.getHealth({}));

  expect(await world.server.metric("kiam_tls_refused_certificates_total")).toBe(1);
  expect(world.server.lines.filter(({ level }) => level === "warn").length).toBe(1);
});

test("an agent does not talk to a server of another authority", async () => {
  await using world = await twoNodes();
  const tls = { ...world.cluster.pki.nodeAgent("node-a"), ca: createPki("another authority").ca };
  const agent = await world.cluster.startAgent({ tls, waits: false });

  const line = await waitFor("the failure", () => agent.lines.find(({ level }) => level === "warn"));

  expect(line.message).toContain(`no connection to server ${world.server.address}`);
  expect(await agent.metric("kiam_tls_refused_certificates_total")).toBeGreaterThan(0);
  expect(await world.server.metric("grpc_server_started_total")).toBe(0);
  expect((await podAt("127.1.0.1", agent).credentials("reader")).status).toBe(503);
});

test("preferring proof, an agent without any is served the node that it names, with a warning and a count", async () => {
  await using world = await twoNodes({ agentIdentity: "prefer" });
  const agent = await world.cluster.startAgent({ tls: world.cluster.pki.agent() });

  const answer = await waitFor(
    "the credentials",
    credentialsOf(() => podAt("127.1.0.1", agent).credentials("reader")),
  );
  const foreign = await podAt("127.1.0.2", agent).credentials("writer");

  expect([world.cluster.roleOf(answer), foreign.status]).toEqual(["reader", 503]);
  expect(world.server.lines.filter(({ level }) => level === "warn")).toEqual([
    {
      level: "warn",
      message: "serving an agent that does not prove its node, which --agent-identity=required would refuse",
      fields: { addr: "127.0.0.1", "node.name": "node-a" },
    },
  ]);
  expect(await world.server.metric("kiam_agent_calls_total", { proof: "unproven" })).toBeGreaterThan(0);
});

test("preferring proof, a Go agent's certificate gets any pod, as in the Go release", async () => {
  await using world = await twoNodes({ agentIdentity: "prefer" });
  using goAgent = callerOf(world.server, world.cluster.pki.agent());

  const { accessKeyId } = await goAgent.kiam.getPodCredentials({ ip: "127.1.0.2", role: "writer" });

  expect(world.cluster.roleOf({ accessKeyId })).toBe("writer");
});

test("requiring proof, an agent without any is refused on both services, but may ask for health", async () => {
  await using world = await twoNodes({ agentIdentity: "required" });
  using unproven = callerOf(world.server, world.cluster.pki.agent());

  const health = await unproven.kiam.getHealth({});
  const refusals = [await refusalOf(snapshotOf(unproven, "node-b")), ...(await asksForWriter(unproven))];

  expect(health.message).toBe("ok");
  expect(refusals).toEqual(
    refusals.map(() => "Unauthenticated: the agent shows neither a token nor a node's certificate"),
  );
  expect(await world.server.metric("kiam_agent_calls_total", { proof: "refused" })).toBe(4);
});
