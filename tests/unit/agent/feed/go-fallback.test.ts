import { expect, test } from "bun:test";
import { Registry } from "prom-client";
import { createFeed } from "../../../../src/agent/feed/subscriber.ts";
import { createAgentMetrics } from "../../../../src/agent/metrics.ts";
import { neverAborted } from "../../../../src/runtime/abort.ts";
import { createListeners } from "../../../../src/runtime/listeners.ts";
import { settle } from "../../../fakes/clock.ts";
import { aStore } from "../../../fakes/credential-stores.ts";
import { aNodePod, aSnapshot } from "../../../fakes/node-pods.ts";
import { anAddress } from "../../../fakes/pods.ts";
import { createRecordingLogger } from "../../../fakes/recording-logger.ts";
import { createReplicas, noNodeService, unreachable } from "../../../fakes/replicas.ts";

const address = anAddress("10.0.0.1");
const never = neverAborted();

/** A feed that is being followed until the test ends. Of the replicas that DNS names those in `go` are the Go release's. */
async function aFeed(addresses: readonly string[], go: readonly string[] = addresses) {
  const { store, clock } = aStore();
  const replicas = createReplicas();
  const log = createRecordingLogger();
  const stopping = new AbortController();
  const names = { addresses, go };
  const feed = createFeed({
    ...{ store, log, clock },
    openReplica(where) {
      const replica = replicas.open(where);
      if (names.go.includes(where)) {
        replicas.newest.fail(noNodeService(where));
      }
      return replica;
    },
    resolve: async () => names.addresses,
    tlsChanges: createListeners<void>(),
    metrics: createAgentMetrics(new Registry()),
    random: () => 0,
  });
  const following = feed.follow(stopping.signal);
  await settle();
  const opened = () => replicas.opened.map((replica) => replica.address);
  return {
    ...{ feed, store, clock, replicas, log, names, opened },
    async [Symbol.asyncDispose]() {
      stopping.abort(new Error("test over"));
      await following;
    },
  };
}

test("where all are the Go release's each is asked once for the node service, at once, and the last serves", async () => {
  await using agent = await aFeed(["a", "b", "c"]);

  expect(agent.opened()).toEqual(["a", "b", "c"]);
  expect(agent.feed.goServers.inUse).toBe(true);
  expect(agent.feed.isConnected).toBe(false);
  expect(agent.replicas.opened.map(({ isRetired }) => isRetired)).toEqual([true, true, false]);
});

test("the first that has it is preferred, and the Go server retired once that is in sync", async () => {
  await using agent = await aFeed(["a", "b", "c"], ["a"]);
  const [go, ours] = agent.replicas.opened;
  const before = [agent.feed.goServers.inUse, go?.isRetired];

  ours?.send(aSnapshot([aNodePod()]));
  await settle();

  expect(before).toEqual([true, false]);
  expect([agent.feed.goServers.inUse, go?.isRetired, agent.feed.isConnected]).toEqual([false, true, true]);
  expect(agent.store.owner(address).kind).toBe("owner");
});

test("DNS is asked for new servers every few seconds, those known to be the Go release's not again for long", async () => {
  await using agent = await aFeed(["a"]);
  await agent.clock.advance(20_000);
  const meanwhile = agent.opened();

  agent.names.addresses = ["a", "new"];
  await agent.clock.advance(3_750);

  expect(meanwhile).toEqual(["a"]);
  expect(agent.opened()).toEqual(["a", "new"]);
});

test("known ones are asked again after about a minute, and the new connection serves", async () => {
  await using agent = await aFeed(["a"]);

  await agent.clock.advance(50_000);

  expect(agent.opened()).toEqual(["a", "a"]);
  expect(agent.replicas.opened.map(({ isRetired }) => isRetired)).toEqual([true, false]);
});

test("a lost call has all that DNS names asked anew, at once", async () => {
  await using agent = await aFeed(["a", "b"]);
  agent.replicas.newest.go.role = async () => ({ kind: "lost", reason: "reset" });

  const answer = await agent.feed.goServers.role(address, never);
  await settle();

  expect(answer).toEqual({ kind: "not-in-use" });
  expect(agent.opened().length).toBe(4);
  expect(agent.feed.goServers.inUse).toBe(true);
});

test("a server of ours that is not reached while a Go server serves is tried again soon, then every few seconds", async () => {
  await using agent = await aFeed(["a", "ours"], ["a"]);
  for (let attempt = 0; attempt < 12; attempt += 1) {
    agent.replicas.newest.fail(unreachable("ours"));
    await agent.clock.advance(2_500);
  }
  const tries = agent.opened().filter((where) => where === "ours").length;

  expect(agent.feed.goServers.inUse).toBe(true);
  expect(tries).toBeGreaterThan(12);
  expect(tries).toBeLessThan(20);
});

test("with the stream lost, others of ours come before Go servers known from before", async () => {
  await using agent = await aFeed(["go", "b", "c"], ["go"]);
  const [, ours] = agent.replicas.opened;
  ours?.send(aSnapshot([]));
  await settle();

  ours?.fail(unreachable("b"));
  await agent.clock.advance(100);

  expect(agent.opened()).toEqual(["go", "b", "c"]);
});

test("with the last of ours gone a Go server known from before serves", async () => {
  await using agent = await aFeed(["go", "ours"], ["go"]);
  const [, ours] = agent.replicas.opened;
  ours?.send(aSnapshot([aNodePod()]));
  await settle();

  agent.names.addresses = ["go"];
  ours?.fail(unreachable("ours"));
  await agent.clock.advance(100);

  expect(agent.feed.goServers.inUse).toBe(true);
  expect(agent.store.owner(address)).toEqual({ kind: "nobody" });
});

test("back on a stream, whose an address was before is never said again", async () => {
  await using agent = await aFeed(["go", "ours"], ["go"]);
  const [, ours] = agent.replicas.opened;
  ours?.send(aSnapshot([aNodePod({ uid: "uid-former" })]));
  await settle();
  agent.names.addresses = ["go"];
  ours?.fail(unreachable("ours"));
  await agent.clock.advance(100);
  const said = new Set<string>();
  agent.store.changes.add(() => {
    const owner = agent.store.owner(address);
    said.add(owner.kind === "owner" ? owner.pod.uid : owner.kind);
  });

  agent.names.addresses = ["go", "ours-2"];
  await agent.clock.advance(5_000);
  agent.replicas.newest.send(aSnapshot([aNodePod({ uid: "uid-next" })]));
  await settle();

  expect(agent.feed.isConnected).toBe(true);
  expect([...said]).toEqual(["nobody", "uid-next"]);
});

test("a renewal that meets a Go server at the same name leaves the stream alone and does not spin", async () => {
  await using agent = await aFeed(["virtual"], []);
  const [ours] = agent.replicas.opened;
  ours?.send(aSnapshot([aNodePod()]));
  await settle();
  agent.names.go = ["virtual"];

  ours?.sendAway();
  for (let turn = 0; turn < 20; turn += 1) {
    await agent.clock.advance(10);
  }

  expect([agent.feed.isConnected, agent.feed.goServers.inUse]).toEqual([true, false]);
  expect(agent.opened().length).toBeLessThanOrEqual(3);
  expect(agent.replicas.opened.slice(1).every(({ isRetired }) => isRetired)).toBe(true);
});

test("that it falls back is told once, also where other servers fail by turns, and again after it was in sync", async () => {
  await using agent = await aFeed(["a", "down"], ["a"]);
  for (let attempt = 0; attempt < 6; attempt += 1) {
    agent.replicas.newest.fail(unreachable("down"));
    await agent.clock.advance(30_000);
  }
  agent.replicas.newest.send(aSnapshot([]));
  await settle();
  agent.replicas.newest.fail(unreachable("down"));
  await agent.clock.advance(15_000);

  expect(agent.log.lines.map(({ level, message }) => `${level}: ${message}`)).toEqual([
    "warn: server a has no node service",
    "warn: no connection to server down: refused",
    "info: in sync with a server",
    "warn: no connection to server down: refused",
    "warn: server a has no node service",
  ]);
});

test("stopping retires the Go server and leaves no timer", async () => {
  const agent = await aFeed(["a"]);

  await agent[Symbol.asyncDispose]();

  expect(agent.replicas.newest.isRetired).toBe(true);
  expect(agent.clock.timers).toBe(0);
});
