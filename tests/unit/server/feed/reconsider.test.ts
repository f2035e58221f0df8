import { expect, test } from "bun:test";
import { type Concerned, createReconsideration } from "../../../../src/server/feed/reconsider.ts";
import { createFakeClock } from "../../../fakes/clock.ts";

const podsANode = 100;
const nodes = (count: number) => Array.from({ length: count }, (_, index) => `node-${index}`);

function setUp(msANode = 0) {
  const clock = createFakeClock();
  let passedMs = 0;
  const decided: string[] = [];
  const reconsideration = createReconsideration({
    // A turn of its own for each timer: one that is due at once would be fired by whatever moves time on.
    clock: { ...clock, now: () => clock.now() + passedMs, after: (ms, callback) => clock.after(ms + 1, callback) },
    decideNode(nodeName: string, concerned: Concerned) {
      passedMs += msANode;
      decided.push(`${nodeName} ${concerned === "all" ? "all" : [...concerned].join("+")}`);
      return podsANode;
    },
  });
  return { clock, decided, reconsideration };
}

test("a few nodes are decided at once, and once", async () => {
  const { clock, decided, reconsideration } = setUp();

  reconsideration.add(nodes(2), "team");

  expect(decided).toEqual(["node-0 team", "node-1 team"]);
  expect(clock.timers).toBe(0);
});

test("many are decided a few at a turn, others having theirs in between", async () => {
  const { clock, decided, reconsideration } = setUp();

  reconsideration.add(nodes(8), "team");
  const turns = [decided.length];
  while (clock.timers > 0) {
    await clock.advance(1);
    turns.push(decided.length);
  }

  expect(turns).toEqual([3, 6, 8]);
  expect(new Set(decided).size).toBe(8);
});

test("a turn is over when its time is, however few pods there were", async () => {
  const { decided, reconsideration } = setUp(4);

  reconsideration.add(nodes(8), "team");

  expect(decided.length).toBe(2);
});

test("a node that is asked for is decided before its turn, and not again", async () => {
  const { clock, decided, reconsideration } = setUp();
  reconsideration.add(nodes(8), "team");

  reconsideration.settle("node-7");
  const soon = [...decided];
  await clock.advance(2);

  expect(soon.at(-1)).toBe("node-7 team");
  expect(decided.length).toBe(8);
});

test("what changes twice before its turn is decided once, by all that changed", async () => {
  const { clock, decided, reconsideration } = setUp();
  reconsideration.add(nodes(5), "team");

  reconsideration.add(["node-4"], "other");
  reconsideration.add(["node-3"]);
  reconsideration.add(["node-3"], "other");
  await clock.advance(1);

  expect(decided.slice(3)).toEqual(["node-3 all", "node-4 team+other"]);
});

test("a node that nobody listens to is not decided, nor anything after the end", async () => {
  const { clock, decided, reconsideration } = setUp();
  reconsideration.add(nodes(8), "team");

  reconsideration.forget("node-3");
  await clock.advance(1);
  const before = decided.length;
  reconsideration[Symbol.dispose]();
  await clock.advance(1);

  expect(decided).not.toContain("node-3 team");
  expect([before, decided.length, clock.timers]).toEqual([6, 6, 0]);
});
