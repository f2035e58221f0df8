import { expect, test } from "bun:test";
import { neverAborted } from "../../../../src/runtime/abort.ts";
import { findPod } from "../../../../src/server/workload/find-pod.ts";
import { createPodStore } from "../../../../src/server/workload/pods.ts";
import { createFakeClock, settle } from "../../../fakes/clock.ts";
import { anAddress, aPod, aUid } from "../../../fakes/pods.ts";

const address = anAddress("10.0.0.1");
const waitMs = 800;

function createWorld() {
  const pods = createPodStore();
  let listeners = 0;
  const changes: typeof pods.changes = {
    add(listener) {
      const heard = pods.changes.add(listener);
      listeners += 1;
      return {
        [Symbol.dispose]() {
          listeners -= 1;
          heard[Symbol.dispose]();
        },
      };
    },
  };
  const clock = createFakeClock();
  return { pods: { ...pods, changes }, clock, leftBehind: () => listeners + clock.timers };
}

test("a pod that is known is found at once, without a timer", async () => {
  const world = createWorld();
  const pod = aPod();
  world.pods.upsert(pod);

  const found = await findPod(world, address, "node-a", waitMs, neverAborted());

  expect(found).toEqual({ kind: "owner", pod });
  expect(world.leftBehind()).toBe(0);
});

test("a pod that comes while it is waited for is found in that moment, and nothing is left behind", async () => {
  const world = createWorld();
  const pod = aPod();
  const finding = findPod(world, address, undefined, waitMs, neverAborted());
  await world.clock.advance(300);

  world.pods.upsert(aPod({ uid: "other", addresses: ["10.0.0.2"] }));
  world.pods.upsert(pod);

  expect(await finding).toEqual({ kind: "owner", pod });
  expect(world.leftBehind()).toBe(0);
});

test("a pod that gets its address while it is waited for is found", async () => {
  const world = createWorld();
  world.pods.upsert(aPod({ addresses: [], resourceVersion: "1" }));
  const finding = findPod(world, address, "node-a", waitMs, neverAborted());
  await settle();

  world.pods.upsert(aPod({ resourceVersion: "2" }));

  expect(await finding).toMatchObject({ kind: "owner", pod: { resourceVersion: "2" } });
});

test("an address that stays unknown is nobody's after the time given, and not before", async () => {
  const world = createWorld();
  let answered = false;
  const finding = findPod(world, address, undefined, waitMs, neverAborted()).finally(() => {
    answered = true;
  });

  await world.clock.advance(waitMs - 1);
  expect(answered).toBe(false);
  await world.clock.advance(1);

  expect(await finding).toEqual({ kind: "nobody" });
  expect(world.leftBehind()).toBe(0);
});

test("a doubt is waited out: when the other claimant goes, the one left has the address", async () => {
  const world = createWorld();
  world.pods.upsert(aPod({ uid: "old" }));
  world.pods.upsert(aPod({ uid: "new" }));
  const finding = findPod(world, address, undefined, waitMs, neverAborted());
  await settle();

  world.pods.remove(aUid("old"));

  expect(await finding).toMatchObject({ kind: "owner", pod: { uid: "new" } });
});

test("a change that leaves the doubt does not end the wait", async () => {
  const world = createWorld();
  for (const uid of ["one", "two", "three"]) {
    world.pods.upsert(aPod({ uid }));
  }
  const finding = findPod(world, address, undefined, waitMs, neverAborted());
  await settle();

  world.pods.remove(aUid("one"));
  await settle();
  world.pods.remove(aUid("two"));

  expect(await finding).toMatchObject({ kind: "owner", pod: { uid: "three" } });
});

test("a doubt that lasts stays a doubt", async () => {
  const world = createWorld();
  world.pods.upsert(aPod({ uid: "old" }));
  world.pods.upsert(aPod({ uid: "new" }));

  const finding = findPod(world, address, undefined, waitMs, neverAborted());
  await world.clock.advance(waitMs);

  expect(await finding).toEqual({ kind: "doubt" });
});

test("for a node, a pod elsewhere that has the address is no answer while one of its own may come", async () => {
  const world = createWorld();
  const own = aPod({ uid: "own", nodeName: "node-a", startedAtMs: 1 });
  world.pods.upsert(aPod({ uid: "elsewhere", nodeName: "node-b", startedAtMs: 2 }));
  const finding = findPod(world, address, "node-a", waitMs, neverAborted());
  await settle();

  world.pods.upsert(own);

  expect(await finding).toEqual({ kind: "owner", pod: own });
});

test("for a node, a pod elsewhere is told when the time has passed: what it may have is for the asker to judge", async () => {
  const world = createWorld();
  const elsewhere = aPod({ nodeName: "node-b" });
  world.pods.upsert(elsewhere);

  const finding = findPod(world, address, "node-a", waitMs, neverAborted());
  await world.clock.advance(waitMs);

  expect(await finding).toEqual({ kind: "owner", pod: elsewhere });
});

test("who gives up is told so, and leaves nothing behind", async () => {
  const world = createWorld();
  const hangUp = new AbortController();
  const finding = findPod(world, address, undefined, waitMs, hangUp.signal);
  await settle();

  hangUp.abort(new Error("gone away"));

  await expect(finding).rejects.toThrow("gone away");
  expect(world.leftBehind()).toBe(0);
});
