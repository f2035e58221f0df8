import { expect, test } from "bun:test";
import { Registry } from "prom-client";
import { ReplicaError } from "../../../../src/agent/feed/replica.ts";
import { createFeed } from "../../../../src/agent/feed/subscriber.ts";
import { createAgentMetrics } from "../../../../src/agent/metrics.ts";
import { createListeners } from "../../../../src/runtime/listeners.ts";
import { settle } from "../../../fakes/clock.ts";
import { aStore } from "../../../fakes/credential-stores.ts";
import {
  aHeartbeat,
  aNodePod,
  anIdentity,
  aSnapshot,
  issued,
  someChanges,
  someCredentials,
} from "../../../fakes/node-pods.ts";
import { anAddress } from "../../../fakes/pods.ts";
import { createRecordingLogger } from "../../../fakes/recording-logger.ts";
import { createReplicas, unreachable } from "../../../fakes/replicas.ts";

const address = anAddress("10.0.0.1");
const hourMs = 3_600_000;

/** A feed that is being followed until the test ends. */
function aFeed(addresses: readonly string[] = ["10.1.0.1", "10.1.0.2"], random = () => 0) {
  const { store, clock } = aStore();
  const replicas = createReplicas();
  const tlsChanges = createListeners<void>();
  const log = createRecordingLogger();
  const metrics = createAgentMetrics(new Registry());
  const stopping = new AbortController();
  const names = { addresses };
  const feed = createFeed({
    store,
    openReplica: (where) => replicas.open(where),
    resolve: async () => names.addresses,
    tlsChanges,
    metrics,
    log,
    clock,
    random,
  });
  const following = feed.follow(stopping.signal);
  return {
    feed,
    store,
    clock,
    replicas,
    tlsChanges,
    log,
    metrics,
    names,
    stop: async () => {
      stopping.abort(new Error("test over"));
      await following;
    },
    [Symbol.asyncDispose]: async () => {
      stopping.abort(new Error("test over"));
      await following;
    },
  };
}

async function connected(metrics: ReturnType<typeof createAgentMetrics>): Promise<number | undefined> {
  return (await metrics.feedConnected.get()).values[0]?.value;
}

test("a snapshot and what follows it goes into the store", async () => {
  await using agent = aFeed();
  await settle();

  agent.replicas.newest.send(aSnapshot([aNodePod()]));
  agent.replicas.newest.send(someChanges({ identities: [issued()] }));
  await settle();

  expect(agent.store.owner(address).kind).toBe("owner");
  expect(agent.store.credentials(anIdentity("identity-reader"))).toEqual(someCredentials());
  expect(agent.feed.isConnected).toBe(true);
  expect(await connected(agent.metrics)).toBe(1);
});

test("a stream that breaks is replaced by one to another replica at once, and the store keeps what it has", async () => {
  await using agent = aFeed();
  await settle();
  const first = agent.replicas.newest;
  first.send(aSnapshot([aNodePod()], [issued()]));
  await settle();

  first.fail(unreachable());
  await settle();
  const connectedMeanwhile = await connected(agent.metrics);
  await agent.clock.advance(100);

  expect(agent.replicas.opened.map((replica) => replica.address)).toEqual(["10.1.0.1", "10.1.0.2"]);
  expect(first.isRetired).toBe(true);
  expect(connectedMeanwhile).toBe(0);
  expect(agent.store.credentials(anIdentity("identity-reader"))).toEqual(someCredentials());
});

test("a stream that the server ends in order is replaced too", async () => {
  await using agent = aFeed();
  await settle();
  agent.replicas.newest.send(aSnapshot([]));
  agent.replicas.newest.end();

  await agent.clock.advance(200);

  expect(agent.replicas.opened.length).toBe(2);
});

test("a new replica's snapshot that has yet to fetch credentials takes none away", async () => {
  await using agent = aFeed();
  await settle();
  agent.replicas.newest.send(aSnapshot([aNodePod()], [issued()]));
  agent.replicas.newest.fail(unreachable());
  await agent.clock.advance(200);

  agent.replicas.newest.send(aSnapshot([aNodePod()]));
  await settle();

  expect(agent.replicas.opened.length).toBe(2);
  expect(agent.store.credentials(anIdentity("identity-reader"))).toEqual(someCredentials());
});

test("a stream silent for three heartbeat intervals is lost; heartbeats keep it", async () => {
  await using agent = aFeed();
  await settle();
  const first = agent.replicas.newest;
  first.send(aSnapshot([]));
  await agent.clock.advance(29_999);
  first.send(aHeartbeat());
  await agent.clock.advance(29_999);
  const streamsSoFar = agent.replicas.opened.length;

  await agent.clock.advance(101);

  expect(streamsSoFar).toBe(1);
  expect(first.streamSignal?.aborted).toBe(true);
  expect(agent.replicas.opened.length).toBe(2);
});

test("a replica that sends no snapshot in ten seconds is left", async () => {
  await using agent = aFeed();
  await settle();

  await agent.clock.advance(10_100);

  expect(agent.replicas.opened.map((replica) => replica.address)).toEqual(["10.1.0.1", "10.1.0.2"]);
});

test("a stream that begins without a snapshot is left", async () => {
  await using agent = aFeed();
  await settle();

  agent.replicas.newest.send(someChanges({ pods: [aNodePod()] }));
  await agent.clock.advance(100);

  expect(agent.replicas.opened.map(({ streamSignal }) => streamSignal?.aborted)).toEqual([true, false]);
  expect(agent.store.owner(address).kind).toBe("nobody");
});

test("retries slow down to fifteen seconds at most and never end", async () => {
  await using agent = aFeed();
  const waits: number[] = [];

  for (let attempt = 0; attempt < 12; attempt += 1) {
    await settle();
    agent.replicas.newest.fail(unreachable());
    await settle();
    const [failedAtMs, streams] = [agent.clock.now(), agent.replicas.opened.length];
    while (agent.replicas.opened.length === streams) {
      await agent.clock.advance(50);
    }
    waits.push(agent.clock.now() - failedAtMs);
  }

  expect(waits.slice(0, 4)).toEqual([50, 100, 200, 400]);
  expect(waits.slice(-2)).toEqual([7_500, 7_500]);
});

test("after a stream that lasted the first retry is a fast one again", async () => {
  await using agent = aFeed();
  for (let attempt = 0; attempt < 8; attempt += 1) {
    await settle();
    agent.replicas.newest.fail(unreachable());
    await agent.clock.advance(15_000);
  }
  agent.replicas.newest.send(aSnapshot([]));
  await agent.clock.advance(20_000);
  const streams = agent.replicas.opened.length;

  agent.replicas.newest.fail(unreachable());
  await agent.clock.advance(50);

  expect(agent.replicas.opened.length).toBe(streams + 1);
});

test("replicas that DNS names later are used", async () => {
  await using agent = aFeed(["10.1.0.1"]);
  await settle();
  agent.replicas.newest.send(aSnapshot([]));

  agent.names.addresses = ["10.1.0.7"];
  agent.replicas.newest.fail(unreachable());
  await agent.clock.advance(200);

  expect(agent.replicas.newest.address).toBe("10.1.0.7");
});

test("a token about to expire has a stream opened to the same replica before the old one is left", async () => {
  await using agent = aFeed();
  agent.replicas.provedUntilMs = agent.clock.now() + hourMs;
  await settle();
  const old = agent.replicas.newest;
  old.send({ ...aSnapshot([aNodePod()]), heartbeatIntervalMs: hourMs });
  await agent.clock.advance(0.85 * hourMs - 1);
  const streamsBefore = agent.replicas.opened.length;

  await agent.clock.advance(1);
  const renewed = agent.replicas.newest;
  old.send(someChanges({ identities: [issued()] }));
  await settle();
  const isOldHeard = agent.store.credentials(anIdentity("identity-reader")) !== undefined;
  renewed.send(aSnapshot([aNodePod()]));
  await settle();

  expect(streamsBefore).toBe(1);
  expect(renewed.address).toBe(old.address);
  expect(isOldHeard).toBe(true);
  expect(agent.feed.isConnected).toBe(true);
  expect(old.isRetired).toBe(true);
});

test("a server that sends its agents away is left once another's snapshot is there, and not before", async () => {
  await using agent = aFeed();
  await settle();
  const first = agent.replicas.newest;
  first.send(aSnapshot([aNodePod()], [issued()]));
  await settle();

  first.sendAway();
  await agent.clock.advance(100);
  const second = agent.replicas.newest;
  first.send(aSnapshot([aNodePod({ addresses: ["10.0.0.7"] })]));
  await settle();
  const meanwhile = [first.isRetired, await connected(agent.metrics), agent.store.owner(anAddress("10.0.0.7")).kind];
  second.send(aSnapshot([aNodePod()]));
  await settle();

  expect([first.address, second.address]).toEqual(["10.1.0.1", "10.1.0.2"]);
  expect(meanwhile).toEqual([false, 1, "owner"]);
  expect([first.isRetired, second.isRetired, await connected(agent.metrics)]).toEqual([true, false, 1]);
  expect(agent.log.lines.filter(({ level }) => level === "warn")).toEqual([]);
});

test.each([
  [0.5, "10.1.0.1"],
  [0.1, "10.1.0.2"],
])(
  "from a connection that is old an agent mostly goes to the same server, which holds its pods' credentials (%d: %s)",
  async (chance, address) => {
    let random = 0;
    await using agent = aFeed(undefined, () => random);
    await settle();
    const first = agent.replicas.newest;
    first.send(aSnapshot([aNodePod()]));
    await agent.clock.advance(15_000);
    random = chance;

    first.sendAway("connection-is-old");
    await agent.clock.advance(100);

    expect(agent.replicas.newest.address).toBe(address);
    expect([agent.replicas.opened.length, first.isRetired]).toEqual([2, false]);
  },
);

test("a server that sends its agents away and is the only one is left for itself", async () => {
  await using agent = aFeed(["10.1.0.1"]);
  await settle();
  const first = agent.replicas.newest;
  first.send(aSnapshot([aNodePod()]));
  await settle();

  first.sendAway();
  await agent.clock.advance(100);
  agent.replicas.newest.send(aSnapshot([aNodePod()]));
  await settle();

  expect(agent.replicas.opened.map((replica) => replica.address)).toEqual(["10.1.0.1", "10.1.0.1"]);
  expect([first.isRetired, agent.replicas.newest.isRetired]).toEqual([true, false]);
});

test("servers that send their agents away at once are not gone to and fro between", async () => {
  await using agent = aFeed();
  await settle();

  for (let second = 0; second < 60; second += 1) {
    agent.replicas.newest.send(aSnapshot([aNodePod()]));
    agent.replicas.newest.sendAway();
    await agent.clock.advance(1_000);
  }

  expect(agent.replicas.opened.length).toBeLessThan(15);
  expect(await connected(agent.metrics)).toBe(1);
});

test("a server that sends its agents away and is gone before another was found is left at once", async () => {
  await using agent = aFeed();
  await settle();
  const first = agent.replicas.newest;
  first.send(aSnapshot([aNodePod()]));
  await settle();

  first.sendAway();
  await settle();
  first.end();
  await settle();

  expect(agent.replicas.opened.length).toBe(2);
});

test("what a stream says after another took its place is not heard", async () => {
  await using agent = aFeed();
  await settle();
  const old = agent.replicas.newest;
  old.send(aSnapshot([aNodePod()]));
  await settle();
  agent.tlsChanges.tell();
  await settle();
  agent.replicas.newest.send(aSnapshot([]));
  old.send(someChanges({ pods: [aNodePod()] }));
  await settle();

  expect(agent.replicas.opened.length).toBe(2);
  expect(agent.store.owner(address).kind).toBe("nobody");
});

test("a renewal that fails leaves the old stream alone and is tried again elsewhere", async () => {
  await using agent = aFeed();
  await settle();
  const old = agent.replicas.newest;
  old.send(aSnapshot([aNodePod()]));
  await settle();
  agent.tlsChanges.tell();
  await settle();

  agent.replicas.newest.fail(unreachable());
  await agent.clock.advance(200);

  expect(agent.replicas.opened.map((replica) => replica.address)).toEqual(["10.1.0.1", "10.1.0.1", "10.1.0.2"]);
  expect(old.streamSignal?.aborted).toBe(false);
  expect(await connected(agent.metrics)).toBe(1);
});

test("the old stream is lost while its successor is being waited for: the next try is at once", async () => {
  await using agent = aFeed();
  await settle();
  const old = agent.replicas.newest;
  old.send(aSnapshot([aNodePod()]));
  await settle();
  agent.tlsChanges.tell();
  for (let attempt = 0; attempt < 8; attempt += 1) {
    await settle();
    agent.replicas.newest.fail(unreachable());
    await agent.clock.advance(1_000);
  }
  await settle();
  const streams = agent.replicas.opened.length;

  old.fail(unreachable());
  await settle();

  expect(agent.replicas.opened.length).toBe(streams + 1);
});

test("certificates that become usable end the wait", async () => {
  await using agent = aFeed();
  agent.replicas.problem = new ReplicaError("not-ready", "there is no usable certificate");
  await agent.clock.advance(60_000);
  const before = agent.replicas.opened.length;

  agent.replicas.problem = undefined;
  agent.tlsChanges.tell();
  await settle();

  expect(before).toBe(0);
  expect(agent.replicas.opened.length).toBe(1);
});

test("certificates that change while a stream is being opened are not missed", async () => {
  await using agent = aFeed();
  await settle();
  agent.tlsChanges.tell();

  agent.replicas.newest.send(aSnapshot([]));
  await settle();

  expect(agent.replicas.opened.length).toBe(2);
});

test("each change is told once in plain words, and repetition is not", async () => {
  await using agent = aFeed();
  const refused = new ReplicaError("unauthenticated", "the proof is not accepted; check --identity-token");
  for (let attempt = 0; attempt < 3; attempt += 1) {
    await settle();
    agent.replicas.newest.fail(refused);
    await agent.clock.advance(1_000);
  }
  agent.replicas.newest.send(aSnapshot([]));
  await settle();
  agent.replicas.newest.fail(unreachable());
  await settle();

  expect(agent.log.lines.map(({ level, message }) => `${level}: ${message}`)).toEqual([
    "warn: the proof is not accepted; check --identity-token",
    "info: in sync with a server",
    "warn: no connection to server 10.1.0.1: refused",
  ]);
});

test("stopping ends the stream, retires the replica and returns", async () => {
  const agent = aFeed();
  await settle();
  agent.replicas.newest.send(aSnapshot([]));
  await settle();

  await agent.stop();

  expect(agent.replicas.newest.isRetired).toBe(true);
  expect(agent.feed.isConnected).toBe(false);
  expect(agent.clock.timers).toBe(0);
});

test("a name without addresses is asked for again until it has some", async () => {
  await using agent = aFeed([]);
  await agent.clock.advance(1_000);

  agent.names.addresses = ["10.1.0.1"];
  await agent.clock.advance(2_000);

  expect(agent.replicas.opened.length).toBe(1);
  expect(agent.log.lines[0]?.message).toBe("the servers' name has no address");
});

test("streams are counted, and the last word of a server is dated", async () => {
  await using agent = aFeed();
  await settle();
  agent.replicas.newest.send(aSnapshot([]));
  await agent.clock.advance(5_000);
  agent.replicas.newest.send(aHeartbeat());
  await settle();

  expect((await agent.metrics.feedStreams.get()).values[0]?.value).toBe(1);
  expect((await agent.metrics.feedHeardSeconds.get()).values[0]?.value).toBe(agent.clock.now() / 1_000);
});
