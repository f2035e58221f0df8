import { describe, expect, test } from "bun:test";
import type { Pod } from "../../src/domain/pod.ts";
import { waitFor } from "../e2e/lab/wait.ts";
import { callerOf, refusalOf } from "./cluster/caller.ts";
import { createMovedClock } from "./cluster/clocks.ts";
import { type Cluster, createCluster } from "./cluster/cluster.ts";
import { credentialsOf, podAt, statusIs } from "./cluster/pod-client.ts";
import { roleBaseArn } from "./cluster/replica.ts";
import { aPodWithRole } from "./cluster/world.ts";

const address = "127.1.0.1";
/** A pod beside it, which keeps its role: when that is renewed, whatever is due has been. */
const besideAddress = "127.1.0.2";

/** What takes effect at once has this long. */
const atOnceMs = 1_000;
/** Within the last 25 of the hour's minutes, when what is in use is renewed. */
const untilRenewalMs = 40 * 60_000;

interface Withdrawal {
  readonly what: string;
  withdraw(world: Cluster["world"], pod: Pod): void;
  /** What the pod is told afterwards. */
  readonly status: number;
  /** What the Go release's service says of the credentials. */
  readonly toGoAgents: string;
}

const forbidden = "Unknown: forbidden by policy";
const withdrawals: readonly Withdrawal[] = [
  {
    what: "the role annotation is removed",
    withdraw: (world, { request: _, ...pod }) => void world.put(pod),
    status: 404,
    toGoAgents: forbidden,
  },
  {
    what: "the role annotation names another role",
    withdraw: (world, pod) => void world.put({ ...pod, request: { source: "pod-annotation", role: "writer" } }),
    status: 403,
    toGoAgents: forbidden,
  },
  {
    what: "the namespace's pattern is narrowed",
    withdraw: (world) => world.permit("team", ".*/(writer|beside)"),
    status: 403,
    toGoAgents: forbidden,
  },
  {
    what: "the namespace's pattern is removed",
    withdraw: (world) => world.permit("team", ""),
    status: 403,
    toGoAgents: forbidden,
  },
  {
    what: "the pod is deleted",
    withdraw: (world, pod) => world.remove(pod),
    status: 503,
    toGoAgents: "Unknown: no pod found",
  },
  {
    what: "the namespace is deleted before its pod",
    withdraw: (world) => world.removeNamespace("team"),
    status: 403,
    toGoAgents: forbidden,
  },
];

async function served(agents: "stream" | "calls") {
  const clock = createMovedClock();
  const cluster = await createCluster(1, { clock });
  const [server] = cluster.replicas;
  if (server === undefined) {
    throw new Error("the cluster has a replica");
  }
  cluster.world.permit("team", ".*");
  const pod = cluster.world.put(aPodWithRole("reader", address, { namespace: "team" }));
  cluster.world.put(aPodWithRole("beside", besideAddress));
  const agent = agents === "stream" ? await cluster.startAgent() : undefined;
  const callsFor = (role: string) =>
    server.sts.calls.filter(({ identity }) => identity.role.endsWith(`/${role}`)).length;
  return { clock, cluster, server, pod, agent, callsFor, [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose]() };
}

describe.each(withdrawals)("when $what", ({ withdraw, status, toGoAgents }) => {
  test("an agent that held the credentials hands out none at once, and STS is not asked to renew them", async () => {
    await using held = await served("stream");
    const { cluster, clock, callsFor } = held;
    const [reader, beside] = [address, besideAddress].map((from) => podAt(from, held.agent ?? { port: 0 }));
    const [first] = [
      await waitFor(
        "the credentials",
        credentialsOf(() => beside?.credentials("beside") ?? fail()),
      ),
      await waitFor(
        "the credentials",
        credentialsOf(() => reader?.credentials("reader") ?? fail()),
      ),
    ];

    withdraw(cluster.world, held.pod);
    await waitFor(
      "the refusal",
      statusIs(status, () => reader?.credentials("reader") ?? fail()),
      atOnceMs,
    );
    clock.putForward(untilRenewalMs);
    await waitFor("a renewal of what is still in use", async () => {
      const { accessKeyId } = (await beside?.credentials("beside")) ?? fail();
      return accessKeyId === first.accessKeyId ? undefined : accessKeyId;
    });
    const after = await reader?.credentials("reader");

    expect(after?.status).toBe(status);
    expect([callsFor("reader"), callsFor("beside")]).toEqual([1, 2]);
  });

  test("a server that is asked by single calls gives none from that moment, and STS is not asked to renew them", async () => {
    await using asked = await served("calls");
    const { cluster, clock, callsFor, server } = asked;
    using proven = callerOf(server, cluster.pki.nodeAgent("node-a"));
    using goAgent = callerOf(server, cluster.pki.agent());
    const lookup = () => proven.node.lookupPod({ address, withCredentials: true });
    const ofGoAgent = () => goAgent.kiam.getPodCredentials({ ip: address, role: "reader" });
    const before = [(await lookup()).credentials?.outcome.case, (await ofGoAgent()).code];
    await goAgent.kiam.getPodCredentials({ ip: besideAddress, role: "beside" });

    withdraw(cluster.world, asked.pod);
    const byLookup = await lookup().then(
      ({ pod }) => (pod?.decision.case === "allowed" ? pod.decision.value.roleArn : pod?.decision.case),
      () => "nobody",
    );
    const refusal = await refusalOf(ofGoAgent());
    clock.putForward(untilRenewalMs);
    await waitFor("a renewal of what is still in use", async () => callsFor("beside") > 1 || undefined);
    const after = await refusalOf(ofGoAgent());

    expect(before).toEqual(["roleCredentials", "Success"]);
    expect([refusal, after]).toEqual([toGoAgents, toGoAgents]);
    expect(["noRole", "denied", "nobody", `${roleBaseArn}writer`]).toContain(byLookup ?? "");
    expect(callsFor("reader")).toBe(1);
  });
});

function fail(): never {
  throw new Error("the test's pods are there");
}
