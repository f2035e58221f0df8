import { expect, test } from "bun:test";
import { Registry } from "prom-client";
import { createGoFleet } from "../../../../src/agent/feed/go-fleet.ts";
import type { GoCalls } from "../../../../src/agent/feed/replica.ts";
import { createAgentMetrics } from "../../../../src/agent/metrics.ts";
import { neverAborted } from "../../../../src/runtime/abort.ts";
import { settle } from "../../../fakes/clock.ts";
import { aStore } from "../../../fakes/credential-stores.ts";
import { aNodePod, aSnapshot, someCredentials } from "../../../fakes/node-pods.ts";
import { anAddress } from "../../../fakes/pods.ts";
import { createReplicas } from "../../../fakes/replicas.ts";

const address = anAddress("10.0.0.1");
const never = neverAborted();
const request = { address, role: "reader" };
const lost = { kind: "lost", reason: "connection reset" } as const;
const reader = { kind: "role", name: "reader" } as const;

/** A fleet beside a store that was last told of a pod just now. */
function aFleet() {
  const { store, clock } = aStore(aSnapshot([aNodePod()]));
  const metrics = createAgentMetrics(new Registry());
  const replicas = createReplicas();
  const heardAtMs = clock.now();
  const fleet = createGoFleet({ store, heardAtMs: () => heardAtMs, metrics, clock });
  const losses: number[] = [];
  fleet.losses.add(() => losses.push(clock.now()));
  return {
    ...{ fleet, store, clock, replicas, losses, metrics },
    /** Has a Go server that answers so serve. */
    serve(go: Partial<GoCalls>) {
      const replica = replicas.open("10.1.0.1");
      const { newest } = replicas;
      newest.go = { ...newest.go, ...go };
      fleet.use(replica);
      return newest;
    },
  };
}

test("while none serves there is nobody to ask", async () => {
  const { fleet } = aFleet();

  const answers = [await fleet.role(address, never), await fleet.credentials(request, never)];

  expect(fleet.inUse).toBe(false);
  expect(answers).toEqual([{ kind: "not-in-use" }, { kind: "not-in-use" }]);
});

test("the one that serves is asked, and the store's word does not count meanwhile", async () => {
  const { fleet, store, serve } = aFleet();
  serve({
    role: async () => reader,
    credentials: async () => ({ kind: "credentials", credentials: someCredentials() }),
  });

  const answers = [await fleet.role(address, never), await fleet.credentials(request, never)];

  expect(answers.map(({ kind }) => kind)).toEqual(["role", "credentials"]);
  expect(store.owner(address)).toEqual({ kind: "nobody" });
});

test("a call that the connection failed is made once more, and whoever looks for servers is told", async () => {
  const { fleet, losses, serve } = aFleet();
  const outcomes = [lost, reader];
  serve({ role: async () => outcomes.shift() ?? lost });

  const answer = await fleet.role(address, never);

  expect(answer).toEqual(reader);
  expect(losses.length).toBe(1);
  expect(fleet.inUse).toBe(true);
});

test("one that is lost twice serves no more: the store's word counts again", async () => {
  const { fleet, store, serve } = aFleet();
  const replica = serve({ role: async () => lost });

  const answer = await fleet.role(address, never);

  expect(answer).toEqual({ kind: "not-in-use" });
  expect([fleet.inUse, replica.isRetired]).toEqual([false, true]);
  expect(store.owner(address).kind).toBe("owner");
});

test("another that has come meanwhile is asked the second time, and stays", async () => {
  const { fleet, serve } = aFleet();
  serve({
    role: async () => {
      serve({ role: async () => reader });
      return lost;
    },
  });

  const answer = await fleet.role(address, never);

  expect(answer).toEqual(reader);
  expect(fleet.inUse).toBe(true);
});

test("a role that takes 400 ms is not waited for: another server has to be found", async () => {
  const { fleet, clock, losses, serve } = aFleet();
  serve({ role: () => new Promise(() => undefined) });

  const asking = fleet.role(address, never);
  await clock.advance(400);

  expect(await asking).toEqual({ kind: "not-in-use" });
  expect([fleet.inUse, losses.length]).toEqual([false, 1]);
});

test("nor is another left on its account that has come meanwhile", async () => {
  const { fleet, clock, serve } = aFleet();
  serve({ role: () => new Promise(() => undefined) });
  const asking = fleet.role(address, never);
  await clock.advance(200);

  const other = serve({});
  await clock.advance(200);

  expect(await asking).toEqual({ kind: "not-in-use" });
  expect([fleet.inUse, other.isRetired]).toEqual([true, false]);
});

test("credentials may take five seconds, and a slow STS is not the server's fault", async () => {
  const { fleet, clock, serve } = aFleet();
  serve({ credentials: () => new Promise(() => undefined) });

  const asking = fleet.credentials(request, never);
  await clock.advance(5_000);

  expect(await asking).toEqual({ kind: "failed", reason: "no credentials came within 5000 ms" });
  expect(fleet.inUse).toBe(true);
});

test("a caller that hangs up is no reason to leave a server", async () => {
  const { fleet, serve, clock } = aFleet();
  serve({ role: () => new Promise(() => undefined) });
  const caller = new AbortController();

  const asking = fleet.role(address, caller.signal);
  await settle();
  caller.abort(new Error("hung up"));

  await expect(asking).rejects.toThrow("hung up");
  expect(fleet.inUse).toBe(true);
  fleet.leave();
  expect(clock.timers).toBe(0);
});

test("one that takes another's place retires it, and the store's word counts not for a moment", () => {
  const { fleet, store, serve } = aFleet();
  const first = serve({});
  const seen: string[] = [];
  store.changes.add(() => seen.push(store.owner(address).kind));

  const second = serve({});

  expect([first.isRetired, second.isRetired, fleet.inUse]).toEqual([true, false, true]);
  expect(new Set(seen)).toEqual(new Set(["nobody"]));
});

test.each(["sendAway", "close"] as const)(
  "%s has whoever looks for servers told, while that one serves",
  async (end) => {
    const { losses, serve } = aFleet();
    const [former, serving] = [serve({}), serve({})];

    former[end]();
    await settle();
    const ofFormer = losses.length;
    serving[end]();
    await settle();

    expect([ofFormer, losses.length]).toEqual([0, 1]);
  },
);

test("a minute after the node service's last word the store's is worth nothing, also when the Go server is gone then", async () => {
  const { fleet, store, clock, serve } = aFleet();
  await clock.advance(40_000);
  serve({});
  await clock.advance(19_999);
  const before = store.synced;

  await clock.advance(1);
  fleet.leave();

  expect([before, store.synced]).toEqual([true, false]);
  expect(store.owner(address)).toEqual({ kind: "nobody" });
});

test("a Go server that was gone before that takes nothing away, one that comes after it does at once", async () => {
  const { fleet, store, clock, serve } = aFleet();
  serve({});
  await clock.advance(30_000);
  fleet.leave();
  await clock.advance(3_600_000);
  const held = store.owner(address).kind;

  serve({});
  await clock.advance(0);

  expect(held).toBe("owner");
  expect(store.synced).toBe(false);
});

test("the gauge says whether one serves", async () => {
  const { fleet, metrics, serve } = aFleet();
  const value = async () => (await metrics.goServerInUse.get()).values[0]?.value;

  serve({});
  const during = await value();
  fleet.leave();

  expect([during, await value()]).toEqual([1, 0]);
});

test("what one says after a server with the node service has come counts no more: that one decides", async () => {
  const { fleet, serve } = aFleet();
  const late = Promise.withResolvers<{ readonly kind: "nobody" }>();
  serve({ role: () => late.promise, credentials: () => late.promise });
  const asking = [fleet.role(address, never), fleet.credentials(request, never)];

  fleet.leave();
  late.resolve({ kind: "nobody" });

  expect(await Promise.all(asking)).toEqual([{ kind: "not-in-use" }, { kind: "not-in-use" }]);
});
