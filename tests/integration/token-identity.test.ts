import { expect, test } from "bun:test";
import type { Pod } from "../../src/domain/pod.ts";
import type { TokenReview } from "../../src/domain/token-review.ts";
import { waitFor } from "../e2e/lab/wait.ts";
import { aPod } from "../fakes/pods.ts";
import { aToken, createFakeTokenReview, type FakeTokenReview } from "../fakes/token-review.ts";
import type { TestAgent } from "./cluster/agent.ts";
import { callerOf, refusalOf, snapshotOf } from "./cluster/caller.ts";
import { type Cluster, createCluster } from "./cluster/cluster.ts";
import { credentialsOf, podAt } from "./cluster/pod-client.ts";
import type { TestReplica } from "./cluster/replica.ts";
import { aPodWithRole } from "./cluster/world.ts";

interface TokenWorld extends AsyncDisposable {
  readonly cluster: Cluster;
  readonly server: TestReplica;
  readonly reviews: FakeTokenReview;
  /** The agents' pods. */
  readonly agentPods: { readonly a: Pod; readonly b: Pod };
}

/** Servers that require proof, an agent's pod on each of two nodes, the reader on node-a and the writer on node-b. */
async function tokenWorld(replicas = 1): Promise<TokenWorld> {
  const reviews = createFakeTokenReview();
  const cluster = await createCluster(0, { agentIdentity: "required", reviewToken: reviews.reviewToken });
  const agentPod = (node: string) =>
    cluster.world.put(
      aPod({ uid: `agent-on-${node}`, name: `agent-on-${node}`, namespace: "kiam", nodeName: node, addresses: [] }),
    );
  const agentPods = { a: agentPod("node-a"), b: agentPod("node-b") };
  cluster.world.put(aPodWithRole("reader", "127.1.0.1"));
  cluster.world.put(aPodWithRole("writer", "127.1.0.2", { nodeName: "node-b" }));
  const server = await cluster.startReplica();
  for (let more = 1; more < replicas; more += 1) {
    await cluster.startReplica();
  }
  return { cluster, server, reviews, agentPods, [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose]() };
}

/** What the API server says of the token of an agent's pod. */
function authenticated(
  pod: Pod,
  overrides: Partial<Extract<TokenReview, { kind: "authenticated" }>> = {},
): TokenReview {
  return {
    kind: "authenticated",
    username: "system:serviceaccount:kiam:kiam-agent",
    audiences: ["kiam-server"],
    podUid: pod.uid,
    podName: pod.name,
    nodeName: pod.nodeName,
    ...overrides,
  };
}

const inAnHour = () => Math.floor(Date.now() / 1_000) + 3_600;

/** A token that the API server knows. */
function tokenOf({ reviews }: TokenWorld, review: TokenReview, claims: Readonly<Record<string, unknown>> = {}): string {
  const token = aToken({ exp: inAnHour(), jti: crypto.randomUUID(), ...claims });
  reviews.say(token, review);
  return token;
}

/** An agent whose certificate names no node, with a token that can be exchanged. */
async function agentWith({ cluster }: TokenWorld, first: string, waits = true) {
  const held = { token: first };
  const agent = await cluster.startAgent({ tls: cluster.pki.agent(), token: () => held.token, waits });
  return { agent, held };
}

const warning = (agent: TestAgent) =>
  waitFor("the agent to be told", () => agent.lines.find(({ level }) => level === "warn")?.message);

test("a projected token of an agent's pod proves its node, and one review does for many calls", async () => {
  await using world = await tokenWorld();
  const { agent } = await agentWith(world, tokenOf(world, authenticated(world.agentPods.a)));

  const answer = await waitFor(
    "the credentials",
    credentialsOf(() => podAt("127.1.0.1", agent).credentials("reader")),
  );
  const foreign = await podAt("127.1.0.2", agent).credentials("writer");

  expect([world.cluster.roleOf(answer), foreign.status]).toEqual(["reader", 503]);
  expect(await world.server.metric("kiam_agent_calls_total", { proof: "token" })).toBeGreaterThan(1);
  expect(world.reviews.calls.map(({ audience }) => audience)).toEqual(["kiam-server"]);
});

test("a stolen token gives its own node's pods and no other's, on both services", async () => {
  await using world = await tokenWorld();
  using thief = callerOf(world.server, world.cluster.pki.agent(), tokenOf(world, authenticated(world.agentPods.a)));

  const own = await snapshotOf(thief);
  const refusals = await Promise.all([
    refusalOf(snapshotOf(thief, "node-b")),
    refusalOf(thief.node.lookupPod({ address: "127.1.0.2", withCredentials: true })),
    refusalOf(thief.kiam.getPodRole({ ip: "127.1.0.2" })),
    refusalOf(thief.kiam.getPodCredentials({ ip: "127.1.0.2", role: "writer" })),
  ]);

  expect(own.toSorted()).toEqual(["agent-on-node-a", "pod-127.1.0.1"]);
  expect(refusals).toEqual([
    "PermissionDenied: the agent is proved to be on node node-a and asks for node node-b",
    "NotFound: no live pod of the node has the address",
    "Unknown: no pod found",
    "Unknown: no pod found",
  ]);
});

test("a token that proves nothing is refused on both services, with a reason", async () => {
  await using world = await tokenWorld();
  const { a, b } = world.agentPods;
  const unlisted = { username: "system:serviceaccount:default:default" };
  const cases: readonly (readonly [string, RegExp])[] = [
    [aToken({ exp: inAnHour() }), /^Unauthenticated: the API server does not accept the token/],
    [tokenOf(world, authenticated(a, { audiences: [] })), /^Unauthenticated: the token is not for the audience/],
    [tokenOf(world, authenticated(a, unlisted)), /^PermissionDenied: the token is of system:serviceaccount:default/],
    [tokenOf(world, authenticated(a, { nodeName: b.nodeName })), /^PermissionDenied: the token was made for node/],
    [tokenOf(world, authenticated(a, { podUid: "gone" })), /^Unauthenticated: the token's pod is not live/],
    [tokenOf(world, authenticated(a), { exp: 1 }), /^Unauthenticated: the token has expired/],
  ];

  for (const [token, reason] of cases) {
    using caller = callerOf(world.server, world.cluster.pki.agent(), token);
    const refusals = await Promise.all([
      refusalOf(snapshotOf(caller)),
      refusalOf(caller.node.lookupPod({ address: "127.1.0.1", withCredentials: true })),
      refusalOf(caller.kiam.getPodRole({ ip: "127.1.0.1" })),
      refusalOf(caller.kiam.getPodCredentials({ ip: "127.1.0.1", role: "reader" })),
    ]);
    for (const refusal of refusals) {
      expect(refusal).toMatch(reason);
      expect(refusal).not.toContain(token);
    }
  }
  expect(world.server.sts.calls).toEqual([]);
});

test("a token that contradicts the certificate is refused", async () => {
  await using world = await tokenWorld();
  const token = tokenOf(world, authenticated(world.agentPods.a));
  using caller = callerOf(world.server, world.cluster.pki.nodeAgent("node-b"), token);

  const refusal = await refusalOf(snapshotOf(caller));

  expect(refusal).toBe("PermissionDenied: the certificate is node node-b's, the token node node-a's");
});

test("the stream ends when the token's pod goes, and the agent is turned away until it has another", async () => {
  await using world = await tokenWorld();
  const { agent, held } = await agentWith(world, tokenOf(world, authenticated(world.agentPods.a)));
  const pod = podAt("127.1.0.1", agent);
  await waitFor(
    "the credentials",
    credentialsOf(() => pod.credentials("reader")),
  );

  world.cluster.world.remove(world.agentPods.a);
  await agent.outOfSync();
  const told = await warning(agent);
  const kept = await pod.credentials("reader");
  const next = world.cluster.world.put(
    aPod({ uid: "agent-again", name: "agent-again", namespace: "kiam", nodeName: "node-a", addresses: [] }),
  );
  held.token = tokenOf(world, authenticated(next));
  await agent.inSync();

  expect(told).toContain("the agent's pod is gone");
  expect(world.cluster.roleOf(kept)).toBe("reader");
});

test("the stream ends when the token expires, and the agent comes back with a newer one", async () => {
  await using world = await tokenWorld();
  const inTwoSeconds = Math.floor(Date.now() / 1_000) + 2;
  const first = tokenOf(world, authenticated(world.agentPods.a), { exp: inTwoSeconds });
  const { agent, held } = await agentWith(world, first);

  const second = tokenOf(world, authenticated(world.agentPods.a));
  await agent.outOfSync();
  const told = await warning(agent);
  held.token = second;
  await agent.inSync();

  expect(told).toContain("the agent's token has expired");
  expect(world.reviews.calls.map(({ token }) => token)).toEqual([first, second]);
}, 20_000);

test("with the API server away an agent proved before is served on, also when it comes back, and a new one waits", async () => {
  await using world = await tokenWorld();
  const known = tokenOf(world, authenticated(world.agentPods.a));
  const unknown = tokenOf(world, { kind: "unavailable", reason: "connection refused" });
  const { agent } = await agentWith(world, known);

  await world.server.network.cut();
  await agent.outOfSync();
  world.reviews.say(known, { kind: "unavailable", reason: "connection refused" });
  await world.server.network.mend();
  await agent.inSync();
  const other = await world.cluster.startAgent({
    ...{ nodeName: "node-b", tls: world.cluster.pki.agent(), waits: false },
    token: () => unknown,
  });
  const told = await warning(other);
  world.reviews.say(unknown, authenticated(world.agentPods.b));
  await other.inSync();
  const answer = await waitFor(
    "the credentials",
    credentialsOf(() => podAt("127.1.0.2", other).credentials("writer")),
  );

  expect(told).toContain("the API server can't be asked about the token: connection refused");
  expect(world.cluster.roleOf(answer)).toBe("writer");
});

test("an agent that its server is killed under proves its node to the next one", async () => {
  await using world = await tokenWorld(2);
  const { agent } = await agentWith(world, tokenOf(world, authenticated(world.agentPods.a)));
  const [first, second] = world.cluster.replicas;
  const isFirst = (await first?.metric("kiam_feed_streams")) === 1;

  await (isFirst ? first : second)?.kill();
  await waitFor("the other to serve", async () =>
    (await (isFirst ? second : first)?.metric("kiam_agent_calls_total", { proof: "token" })) ? true : undefined,
  );
  await agent.inSync();

  expect(world.reviews.calls.length).toBe(2);
});
