import { expect, test } from "bun:test";
import { createProofWatch } from "../../../../src/server/identity/watch-proof.ts";
import { createPodStore } from "../../../../src/server/workload/pods.ts";
import { createFakeClock } from "../../../fakes/clock.ts";
import { aPod } from "../../../fakes/pods.ts";

const startMs = Date.UTC(2026, 0, 1);
const agentPod = aPod({ uid: "agent-a", nodeName: "node-a", resourceVersion: "1" });
const byToken = {
  kind: "proven",
  nodeName: "node-a",
  by: "token",
  podUid: agentPod.uid,
  validUntilMs: startMs + 60_000,
} as const;

function createWorld() {
  const clock = createFakeClock(startMs);
  const pods = createPodStore();
  pods.upsert(agentPod);
  return { clock, pods, watch: createProofWatch({ pods, clock }) };
}

test("a token's proof ends when the token expires", async () => {
  const { clock, watch } = createWorld();
  using watched = watch(byToken);

  await clock.advance(59_999);
  expect(watched.signal.aborted).toBeFalse();
  await clock.advance(1);

  expect(watched.signal.reason).toEqual(new Error("the agent's token has expired"));
});

test("a token's proof ends when its pod goes, and not when another does", () => {
  const { pods, watch } = createWorld();
  pods.upsert(aPod({ uid: "other" }));
  using watched = watch(byToken);

  pods.remove(aPod({ uid: "other" }).uid);
  pods.upsert({ ...agentPod, addresses: [], resourceVersion: "2" });
  expect(watched.signal.aborted).toBeFalse();
  pods.remove(agentPod.uid);

  expect(watched.signal.reason).toEqual(new Error("the agent's pod is gone"));
});

test("a token's proof ends when its pod is missing in a list, or on another node", () => {
  const { pods, watch } = createWorld();
  using missing = watch(byToken);
  pods.replaceAll([]);
  expect(missing.signal.aborted).toBeTrue();

  pods.upsert({ ...agentPod, resourceVersion: "10" });
  using moved = watch(byToken);
  pods.upsert({ ...agentPod, nodeName: "node-b", resourceVersion: "11" });

  expect(moved.signal.aborted).toBeTrue();
});

test("what has ended before it is watched is ended from the beginning", async () => {
  const { clock, pods, watch } = createWorld();
  pods.remove(agentPod.uid);

  using gone = watch(byToken);
  using expired = watch({ ...byToken, validUntilMs: startMs - 1 });

  expect(gone.signal.aborted).toBeTrue();
  await clock.advance(0);
  expect(expired.signal.aborted).toBeTrue();
});

test.each([
  [{ kind: "proven", nodeName: "node-a", by: "certificate" } as const],
  [{ kind: "unproven", nodeName: "node-a" } as const],
  [{ kind: "unproven" } as const],
])("%p has no end of its own", async (proof) => {
  const { clock, pods, watch } = createWorld();
  using watched = watch(proof);

  pods.replaceAll([]);
  await clock.advance(365 * 24 * 3_600_000);

  expect(watched.signal.aborted).toBeFalse();
});

test("who stops watching leaves nothing behind", async () => {
  const { clock, pods, watch } = createWorld();
  const watched = watch(byToken);

  watched[Symbol.dispose]();
  pods.remove(agentPod.uid);
  await clock.advance(120_000);

  expect(clock.timers).toBe(0);
  expect(watched.signal.aborted).toBeFalse();
});
