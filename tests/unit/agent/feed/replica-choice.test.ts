import { expect, test } from "bun:test";
import { createReplicaChoice } from "../../../../src/agent/feed/replica-choice.ts";
import { neverAborted } from "../../../../src/runtime/abort.ts";
import { createFakeClock } from "../../../fakes/clock.ts";

const never = neverAborted();

function aChoice(resolve: () => Promise<readonly string[]>, random = () => 0) {
  const clock = createFakeClock();
  return { choice: createReplicaChoice({ resolve, random, clock }), clock };
}

test("each replica is tried before one is tried again, and never one twice in a row", async () => {
  const { choice } = aChoice(async () => ["a", "b", "c"]);
  const chosen: string[] = [];

  for (let turn = 0; turn < 5; turn += 1) {
    chosen.push(await choice.next(undefined, never));
  }

  expect(chosen.slice(0, 3).toSorted()).toEqual(["a", "b", "c"]);
  expect(chosen[3]).not.toBe(chosen[2]);
  expect(new Set(chosen.slice(3)).size).toBe(2);
});

test("chance decides which is first", async () => {
  const { choice } = aChoice(
    async () => ["a", "b", "c"],
    () => 0.99,
  );

  const chosen = await choice.next(undefined, never);

  expect(chosen).toBe("c");
});

test("the only replica is tried again and again", async () => {
  const { choice } = aChoice(async () => ["a"]);

  const chosen = [await choice.next(undefined, never), await choice.next(undefined, never)];

  expect(chosen).toEqual(["a", "a"]);
});

test("after the one that served is lost another comes first", async () => {
  const { choice } = aChoice(async () => ["a", "b"]);
  await choice.next(undefined, never);
  await choice.next(undefined, never);
  choice.serves("a");

  const chosen = await choice.next(undefined, never);

  expect(chosen).toBe("b");
});

test("the preferred one is taken while DNS names it", async () => {
  const named = { addresses: ["a", "b"] };
  const { choice } = aChoice(async () => named.addresses);

  const preferred = await choice.next("b", never);
  named.addresses = ["a"];
  const otherwise = await choice.next("b", never);

  expect([preferred, otherwise]).toEqual(["b", "a"]);
});

test("while DNS fails, or says nothing, what it said before serves", async () => {
  const answers = [async () => ["a"], async () => Promise.reject(new Error("SERVFAIL")), async () => []];
  const { choice } = aChoice(() => (answers.shift() ?? (async () => []))());

  const chosen = [];
  for (let turn = 0; turn < 3; turn += 1) {
    chosen.push(await choice.next(undefined, never));
  }

  expect(chosen).toEqual(["a", "a", "a"]);
});

test("DNS that has never said anything is a reason not to be ready", async () => {
  const { choice } = aChoice(async () => Promise.reject(new Error("ENOTFOUND kiam-server")));

  const choosing = choice.next(undefined, never);

  await expect(choosing).rejects.toThrow("the servers' name can't be resolved: ENOTFOUND kiam-server");
});

test("DNS that hangs is given two seconds", async () => {
  const { choice, clock } = aChoice(() => new Promise(() => undefined));
  const choosing = choice.next(undefined, never);

  void clock.advance(2_000);

  await expect(choosing).rejects.toThrow("can't be resolved");
});

test("one without the node service comes after the others of its round", async () => {
  const { choice } = aChoice(async () => ["go", "a", "b"]);
  choice.lacksNodeService("go");
  const chosen: string[] = [];

  for (let turn = 0; turn < 3; turn += 1) {
    chosen.push(await choice.next(undefined, never));
  }

  expect(chosen).toEqual(["a", "b", "go"]);
});

test("asked for the node service are those that are not known to lack it, and all again after a minute", async () => {
  const { choice, clock } = aChoice(async () => ["go", "a"]);
  choice.lacksNodeService("go");
  const first = await choice.nextUnasked(never);
  choice.lacksNodeService("a");
  const none = await choice.nextUnasked(never);

  await clock.advance(44_999);
  const tooSoon = await choice.nextUnasked(never);
  await clock.advance(1);

  expect([first, none, tooSoon]).toEqual(["a", undefined, undefined]);
  expect(await choice.nextUnasked(never)).toBe("go");
});

test("chance spreads that minute by a quarter", async () => {
  const { choice, clock } = aChoice(
    async () => ["go"],
    () => 0.999_999,
  );
  choice.lacksNodeService("go");

  await clock.advance(74_999);
  const tooSoon = await choice.nextUnasked(never);
  await clock.advance(1);

  expect(tooSoon).toBeUndefined();
  expect(await choice.nextUnasked(never)).toBe("go");
});

test("asked anew are all that DNS names, and one that it no longer named in between", async () => {
  const named = { addresses: ["go", "go-2"] };
  const { choice } = aChoice(async () => named.addresses);
  choice.lacksNodeService("go");
  choice.lacksNodeService("go-2");

  named.addresses = ["go-2"];
  const whileAway = await choice.nextUnasked(never);
  named.addresses = ["go", "go-2"];
  const back = await choice.nextUnasked(never);
  choice.askAnew();

  expect([whileAway, back]).toEqual([undefined, "go"]);
  expect(await choice.nextUnasked(never)).toBe("go-2");
});
