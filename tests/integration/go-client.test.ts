import { describe, expect, test } from "bun:test";
import { waitFor } from "../e2e/lab/wait.ts";
import { type Cluster, createCluster } from "./cluster/cluster.ts";
import { type GoClient, type GoTally, goClientOf } from "./cluster/go-client.ts";
import { createPki } from "./cluster/pki.ts";
import { type ReplicaOptions, roleBaseArn } from "./cluster/replica.ts";
import { aPodWithRole } from "./cluster/world.ts";

const [podIp, role] = ["127.1.0.1", "team/reader"];

/** Servers with one pod, and grpc-go's client with the Go release's options. */
async function goAndServers(replicas = 1, options: Partial<ReplicaOptions> = {}) {
  const cluster = await createCluster(replicas, options);
  cluster.world.put(aPodWithRole(`/${role}`, podIp));
  const go = await goClientOf(cluster);
  return {
    cluster,
    go,
    async [Symbol.asyncDispose]() {
      await go[Symbol.asyncDispose]();
      await cluster[Symbol.asyncDispose]();
    },
  };
}

describe("a client of grpc-go", () => {
  test("gets role, credentials and health", async () => {
    await using fleet = await goAndServers();
    const { go, cluster } = fleet;

    const [named, given, well] = await Promise.all([
      go.call(["role", podIp]),
      go.call(["credentials", podIp, `${roleBaseArn}${role}`]),
      go.call(["health"]),
    ]);

    expect([named.answer, well.answer]).toEqual([{ name: `/${role}` }, { message: "ok" }]);
    expect(Object.keys(given.answer ?? {})).toEqual([
      ...["code", "type", "access_key_id", "secret_access_key", "token", "expiration", "last_updated"],
    ]);
    expect(cluster.roleOf({ accessKeyId: given.answer?.["access_key_id"] })).toBe(role);
  });

  test("gets the Go release's texts, and code Unknown", async () => {
    await using fleet = await goAndServers();
    const { go, cluster } = fleet;
    cluster.world.put(aPodWithRole("broken", "127.1.0.2"));
    cluster.replicas[0]?.sts.onCall((call) => call.fail("refused", "AccessDenied"));

    const answers = await Promise.all([
      go.call(["credentials", podIp, "writer"]),
      go.call(["role", "127.1.0.9"]),
      go.call(["credentials", "127.1.0.9", role]),
      go.call(["credentials", "127.1.0.2", "broken"]),
    ]);

    expect(answers.map(({ code, text }) => `${code}: ${text}`)).toEqual([
      "Unknown: forbidden by policy",
      "Unknown: no pod found",
      "Unknown: no pod found",
      "Unknown: AccessDenied: AccessDenied, said STS",
    ]);
  });

  test("is counted as go-grpc-prometheus counts", async () => {
    await using fleet = await goAndServers();
    const { go, cluster } = fleet;
    await go.call(["role", podIp]);
    await go.call(["role", podIp]);
    await go.call(["credentials", podIp, "writer"]);

    const count = async (name: string, method: string, code?: string) =>
      await cluster.replicas[0]?.metric(`grpc_server_${name}_total`, {
        grpc_type: "unary",
        grpc_service: "kiam.KiamService",
        grpc_method: method,
        ...(code === undefined ? {} : { grpc_code: code }),
      });

    expect(await count("started", "GetPodRole")).toBe(2);
    expect(await count("msg_sent", "GetPodRole")).toBe(2);
    expect(await count("handled", "GetPodRole", "OK")).toBe(2);
    expect(await count("msg_received", "GetPodCredentials")).toBe(1);
    expect(await count("handled", "GetPodCredentials", "Unknown")).toBe(1);
    expect(await count("msg_sent", "GetPodCredentials")).toBe(0);
  });

  test("is refused with a certificate of another authority, and the log says so", async () => {
    await using fleet = await goAndServers();
    const { pki, replicas } = fleet.cluster;
    await using stranger = await goClientOf(fleet.cluster, { ...createPki("another").agent(), ca: pki.ca });

    const refusal = await stranger.call(["health"], ["--gateway-timeout-creation=500ms"]).catch(String);

    expect(refusal).toContain("error dialing grpc server");
    expect(await replicas[0]?.metric("kiam_tls_refused_certificates_total")).toBeGreaterThan(0);
    expect(replicas[0]?.lines.map(({ message }) => message)).toContain(
      "refused a connection whose certificate TLS does not accept",
    );
  });
});

describe("under load from grpc-go no call fails", () => {
  test("while connections come to their age again and again", async () => {
    await using fleet = await goAndServers(1, { limits: { idleMs: 0, ageMs: 500, graceMs: 10_000 } });

    const { tally } = await fleet.go.load(podIp, role, ["--for=4s", "--pause=1ms"]);

    const { calls, failures, connections } = await tally;
    expect(failures).toEqual({});
    expect(calls).toBeGreaterThan(500);
    expect(connections).toBeGreaterThanOrEqual(6);
  });

  test("while connections are closed for being idle", async () => {
    await using fleet = await goAndServers(1, { limits: { idleMs: 100, ageMs: 0, graceMs: 0 } });

    const { tally } = await fleet.go.load(podIp, role, ["--for=2s", "--pause=250ms", "--parallel=1"]);

    const { calls, failures, connections } = await tally;
    expect(failures).toEqual({});
    expect(connections).toBeGreaterThanOrEqual(calls); // grpc-go opens the next at once, and that is idle too.
  });

  test("spread over the addresses of one name, while one server after another stops and others come", async () => {
    await using fleet = await goAndServers(3, { limits: { idleMs: 0, ageMs: 2_000, graceMs: 10_000 } });
    const { cluster, go } = fleet;
    const [first, second] = cluster.replicas;

    const load = await go.load(podIp, role, ["--pause=1ms"]);
    await servedBy(cluster, 3);
    cluster.named = (replica) => replica !== first;
    await first?.stop();
    await cluster.startReplica();
    cluster.named = (replica) => replica !== first && replica !== second;
    await second?.stop();
    await callsMore(cluster, 300);
    const tally = await load.end();

    expect(tally.failures).toEqual({});
    expect(sharesOf(tally, cluster)).toEqual([true, true, true]);
  }, 20_000);
});

/** Resolves once so many servers have answered calls. */
async function servedBy({ replicas }: Cluster, count: number): Promise<void> {
  await waitFor(`${count} servers to answer`, async () => {
    const handled = await Promise.all(replicas.map(({ metric }) => metric("grpc_server_handled_total")));
    return handled.filter((calls) => calls > 100).length >= count || undefined;
  });
}

/** Resolves once so many more calls were answered. */
async function callsMore({ replicas }: Cluster, count: number): Promise<void> {
  const handled = async () =>
    (await Promise.all(replicas.map(({ metric }) => metric("grpc_server_handled_total")))).reduce((a, b) => a + b, 0);
  const before = await handled();
  await waitFor(`${count} calls more`, async () => (await handled()) >= before + count || undefined);
}

/** Whether each of the first replicas has had its part in the calls. */
function sharesOf({ peers }: GoTally, { replicas }: Cluster): readonly boolean[] {
  return replicas.slice(0, 3).map(({ address, port }) => (peers[`${address}:${port}`] ?? 0) > 100);
}

describe("keepalive", () => {
  test("an idle connection that is pinged is left alone, with the flag for it and without", async () => {
    await using fleet = await goAndServers();
    const pausing = ["--parallel=1", "--pause=12s", "--for=13s"]; // grpc-go's shortest interval is 10 s.
    const loadWith = (flags: readonly string[]): Promise<GoTally> => tallyOf(fleet.go, [...pausing, ...flags]);

    const tallies = await Promise.all([loadWith(["--grpc-keepalive-permit-without-stream"]), loadWith([])]);

    expect(tallies.map(({ calls, connections, failures }) => ({ calls, connections, failures }))).toEqual([
      { calls: 2, connections: 1, failures: {} },
      { calls: 2, connections: 1, failures: {} },
    ]);
  }, 40_000);
});

async function tallyOf(go: GoClient, flags: readonly string[]): Promise<GoTally> {
  const { tally } = await go.load(podIp, role, flags);
  return await tally;
}
