import { describe, expect, test } from "bun:test";
import type { Pod } from "../../src/domain/pod.ts";
import type { TokenReview } from "../../src/domain/token-review.ts";
import type { TlsIdentity } from "../../src/rpc/tls-options.ts";
import { waitFor } from "../e2e/lab/wait.ts";
import { aPod } from "../fakes/pods.ts";
import { aToken, createFakeTokenReview } from "../fakes/token-review.ts";
import { callerOf, refusalOf, snapshotOf } from "./cluster/caller.ts";
import { type Cluster, createCluster } from "./cluster/cluster.ts";
import { aPodWithRole } from "./cluster/world.ts";

// Every refusal of a proof, by each call of both services and in both modes: counted, and told once in plain words.

interface World {
  readonly cluster: Cluster;
  readonly agentPod: Pod;
  /** A token of which the API server says so. */
  token(review: Partial<Extract<TokenReview, { kind: "authenticated" }>>, expiresInSeconds?: number): string;
}

interface Attack {
  readonly what: string;
  /** With what, and for which node. */
  readonly by: (world: World) => { readonly tls: TlsIdentity; readonly token?: string; readonly claim?: string };
  readonly reason: RegExp;
  /** Only the node service has claims. */
  readonly calls: "both" | "node-service";
  readonly modes: readonly ("prefer" | "required")[];
}

const everyMode = ["prefer", "required"] as const;

function tokenAttack(what: string, reason: RegExp, make: (world: World) => string): Attack {
  return {
    ...{ what, reason, calls: "both", modes: everyMode },
    by: (world) => ({ tls: world.cluster.pki.agent(), token: make(world) }),
  };
}

const attacks: readonly Attack[] = [
  {
    what: "a node's certificate, replayed for another node",
    by: ({ cluster }) => ({ tls: cluster.pki.nodeAgent("node-b"), claim: "node-a" }),
    reason: /proved to be on node node-b and asks for node node-a/,
    ...{ calls: "node-service", modes: everyMode },
  },
  {
    what: "a token, replayed for another node",
    by: (world) => ({ tls: world.cluster.pki.agent(), token: world.token({}), claim: "node-b" }),
    reason: /proved to be on node node-a and asks for node node-b/,
    ...{ calls: "node-service", modes: everyMode },
  },
  {
    what: "a token with another node's certificate",
    by: (world) => ({ tls: world.cluster.pki.nodeAgent("node-b"), token: world.token({}) }),
    reason: /the certificate is node node-b's, the token node node-a's/,
    ...{ calls: "both", modes: everyMode },
  },
  {
    what: "no proof",
    by: ({ cluster }) => ({ tls: cluster.pki.agent() }),
    reason: /shows neither a token nor a node's certificate/,
    ...{ calls: "both", modes: ["required"] },
  },
  tokenAttack("a token of another service account", /whose tokens prove no node/, (world) =>
    world.token({ username: "system:serviceaccount:default:default" }),
  ),
  tokenAttack("a token for another audience", /not for the audience/, (world) => world.token({ audiences: [] })),
  tokenAttack("a token of a deleted pod", /pod is not live/, (world) => world.token({ podUid: "gone" })),
  tokenAttack("a token made for another node than its pod's", /the token was made for node/, (world) =>
    world.token({ nodeName: "node-b" }),
  ),
  tokenAttack("a token that has expired", /the token has expired/, (world) => world.token({}, -1)),
  tokenAttack("a forged token", /does not accept the token/, () => aToken({ exp: inSeconds(3_600) })),
  tokenAttack("what is no token", /authorization is malformed/, () => "two words"),
];

async function createWorld(agentIdentity: "prefer" | "required"): Promise<World> {
  const reviews = createFakeTokenReview();
  const cluster = await createCluster(0, { agentIdentity, reviewToken: reviews.reviewToken });
  const agent = { uid: "agent-a", name: "agent-a", namespace: "kiam", nodeName: "node-a", addresses: [] };
  const agentPod = cluster.world.put(aPod(agent));
  cluster.world.put(aPodWithRole("reader", "127.1.0.1"));
  await cluster.startReplica();
  return {
    ...{ cluster, agentPod },
    token(overrides, expiresInSeconds = 3_600) {
      const token = aToken({ exp: inSeconds(expiresInSeconds), jti: crypto.randomUUID() });
      reviews.say(token, {
        ...{ kind: "authenticated", username: "system:serviceaccount:kiam:kiam-agent", audiences: ["kiam-server"] },
        ...{ podUid: agentPod.uid, podName: agentPod.name, nodeName: agentPod.nodeName },
        ...overrides,
      });
      return token;
    },
  };
}

function inSeconds(seconds: number): number {
  return Math.floor(Date.now() / 1_000) + seconds;
}

function serverOf({ cluster }: World) {
  const [server] = cluster.replicas;
  if (server === undefined) {
    throw new Error("the cluster has a replica");
  }
  return server;
}

describe.each(everyMode)("with --agent-identity=%s", (mode) => {
  test.each(attacks.filter(({ modes }) => modes.includes(mode)))(
    "$what is refused by every call, counted each time and told once",
    async ({ by, reason, calls }) => {
      const world = await createWorld(mode);
      await using _cluster = world.cluster;
      const server = serverOf(world);
      const { tls, token, claim = "" } = by(world);
      using thief = callerOf(server, tls, token);
      const question = { claim: { nodeName: claim }, address: "127.1.0.1", withCredentials: true };

      const refusals = await Promise.all([
        refusalOf(snapshotOf(thief, claim)),
        refusalOf(thief.node.lookupPod(question)),
        ...(calls === "both"
          ? [
              refusalOf(thief.kiam.getPodRole({ ip: "127.1.0.1" })),
              refusalOf(thief.kiam.getPodCredentials({ ip: "127.1.0.1", role: "reader" })),
            ]
          : []),
      ]);

      for (const refusal of refusals) {
        expect(refusal).toMatch(reason);
      }
      expect(await server.metric("kiam_agent_calls_total", { proof: "refused" })).toBe(refusals.length);
      const warnings = server.lines.filter(({ level }) => level === "warn");
      expect(warnings.map(({ message, fields }) => `${message} ${fields?.["addr"]}`)).toEqual([
        "refusing an agent 127.0.0.1",
      ]);
      expect(warnings[0]?.fields?.["reason"]).toMatch(reason);
      expect(JSON.stringify(server.lines)).not.toContain(token ?? "no token");
      expect(server.sts.calls).toEqual([]);
    },
  );

  test("who is refused for one reason and then for others is told of once for each, and not for each node that it names", async () => {
    const world = await createWorld(mode);
    await using _cluster = world.cluster;
    const server = serverOf(world);
    using replaying = callerOf(server, world.cluster.pki.nodeAgent("node-b"));
    const stranger = { username: "system:serviceaccount:default:default" };
    using borrowing = callerOf(server, world.cluster.pki.agent(), world.token(stranger));
    using forging = callerOf(server, world.cluster.pki.agent(), aToken({ exp: inSeconds(3_600) }));

    for (const claim of ["node-a", "node-c", "node-d"]) {
      await refusalOf(snapshotOf(replaying, claim));
      await refusalOf(snapshotOf(borrowing, claim));
      await refusalOf(snapshotOf(forging, claim));
    }

    expect(server.lines.filter(({ level }) => level === "warn").length).toBe(3);
    expect(await server.metric("kiam_agent_calls_total", { proof: "refused" })).toBe(9);
  });

  test("an agent whose pod goes under its stream is told of, and counted", async () => {
    const world = await createWorld(mode);
    await using _cluster = world.cluster;
    const server = serverOf(world);
    using agent = callerOf(server, world.cluster.pki.agent(), world.token({}));
    const stream = agent.node.watchNode({})[Symbol.asyncIterator]();
    await stream.next();
    const reading = refusalOf(readToEnd(stream));

    world.cluster.world.remove(world.agentPod);

    expect(await reading).toBe("Unauthenticated: the agent's pod is gone");
    const line = await waitFor("the warning", () => server.lines.find(({ level }) => level === "warn"));
    expect(line).toMatchObject({ message: "ending an agent's stream", fields: { reason: "the agent's pod is gone" } });
    expect(await server.metric("kiam_agent_calls_total", { proof: "refused" })).toBe(1);
  });
});

async function readToEnd(stream: AsyncIterator<unknown>): Promise<void> {
  while ((await stream.next()).done !== true) {}
}
