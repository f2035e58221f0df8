import { expect, test } from "bun:test";
import { createForwardBudget } from "../../../../src/agent/metadata/forward-budget.ts";
import { neverAborted } from "../../../../src/runtime/abort.ts";
import { createFakeClock, settle } from "../../../fakes/clock.ts";

/** A budget of which nothing is left, and who has passed since. */
async function spent() {
  const clock = createFakeClock();
  const budget = createForwardBudget(clock);
  const passed: string[] = [];
  const wait = (key: string, party: string, signal = neverAborted()): void => {
    budget.pass(key, party, signal).then(
      () => passed.push(key),
      () => passed.push(`${key} left`),
    );
  };
  await Promise.all(Array.from({ length: 100 }, (_, index) => budget.pass(`burst ${index}`, "burst", neverAborted())));
  return { clock, budget, passed, wait };
}

test("a hundred pass at once, and twenty a second after that", async () => {
  const { clock, passed, wait } = await spent();
  for (let index = 0; index < 60; index += 1) {
    wait(`${index}`, "a");
  }

  await clock.advance(49);
  const before = passed.length;
  await clock.advance(1);
  const first = passed.length;
  await clock.advance(950);

  expect([before, first, passed.length]).toEqual([0, 1, 20]);
  expect(passed.slice(0, 3)).toEqual(["0", "1", "2"]);
});

test("what is not used is saved, a hundred at most", async () => {
  const { clock, passed, wait } = await spent();
  await clock.advance(3_600_000);
  for (let index = 0; index < 150; index += 1) {
    wait(`${index}`, "a");
  }

  await settle();

  expect(passed.length).toBe(100);
});

test("parties take turns, however many keys one has waiting", async () => {
  const { clock, passed, wait } = await spent();
  for (let index = 0; index < 1_000; index += 1) {
    wait(`greedy ${index}`, "greedy");
  }
  wait("modest", "modest");

  await clock.advance(100);

  expect(passed).toContain("modest");
});

test("one that comes anew waits no second, though more parties than pass in one never stop asking", async () => {
  const { clock, passed, wait } = await spent();
  for (let pod = 0; pod < 60; pod += 1) {
    for (let index = 0; index < 30; index += 1) {
      wait(`${pod} ${index}`, `greedy ${pod}`);
    }
  }
  await clock.advance(4_000);

  wait("modest", "modest");
  await clock.advance(50);

  expect(passed.at(-1)).toBe("modest");
});

test("a key that another party waits for too passes in whichever turn is first", async () => {
  const { clock, budget, passed, wait } = await spent();
  wait("a 1", "a");
  wait("a 2", "a");
  wait("shared", "a");
  budget.join("shared", "b");

  await clock.advance(100);

  expect(passed).toEqual(["a 1", "shared"]);
});

test("a key that waits no longer can't be joined", async () => {
  const { clock, budget, passed, wait } = await spent();
  wait("a 1", "a");
  await clock.advance(50);

  budget.join("a 1", "b");
  wait("b 1", "b");
  await clock.advance(50);

  expect(budget.isWaiting("a 1")).toBe(false);
  expect(passed).toEqual(["a 1", "b 1"]);
});

test("one that leaves costs nothing, and leaves no timer behind", async () => {
  const { clock, budget, passed, wait } = await spent();
  const leaver = new AbortController();
  wait("leaver", "a", leaver.signal);

  leaver.abort(new Error("gone"));
  await settle();

  expect([passed, budget.isWaiting("leaver"), clock.timers]).toEqual([["leaver left"], false, 0]);
});

test("a key may wait anew the moment that it has left", async () => {
  const { clock, passed, wait } = await spent();
  const leaver = new AbortController();
  wait("key", "a", leaver.signal);

  leaver.abort(new Error("gone"));
  wait("key", "a");
  await clock.advance(50);

  expect(passed).toEqual(["key left", "key"]);
});

test("a clock that is set back takes nothing away, and gives nothing", async () => {
  const clock = createFakeClock();
  let offMs = 0;
  const budget = createForwardBudget({ now: () => clock.now() + offMs, after: clock.after });
  offMs = -3_600_000;
  const passes = Array.from({ length: 100 }, (_, index) => budget.pass(`${index}`, "a", neverAborted()));

  await Promise.all(passes);
  const oneMore = budget.pass("one more", "a", neverAborted());
  await clock.advance(50);
  await oneMore;

  expect(budget.isWaiting("one more")).toBe(false);
});
