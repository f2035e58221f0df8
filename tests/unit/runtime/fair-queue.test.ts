import { expect, test } from "bun:test";
import { createFairQueue, type FairQueue } from "../../../src/runtime/fair-queue.ts";

function drain(queue: FairQueue<string>): string[] {
  const taken: string[] = [];
  for (let key = queue.take(); key !== undefined; key = queue.take()) {
    taken.push(key);
  }
  return taken;
}

test("parties take turns, whoever queued more", () => {
  const queue = createFairQueue<string>();
  for (const key of ["a1", "a2", "a3", "a4"]) {
    queue.add(key, ["a"]);
  }
  queue.add("b1", ["b"]);
  queue.add("c1", ["c"]);
  queue.add("c2", ["c"]);

  expect(drain(queue)).toEqual(["a1", "b1", "c1", "a2", "c2", "a3", "a4"]);
});

test("a key waits once, for whichever of its parties has a turn first", () => {
  const queue = createFairQueue<string>();
  queue.add("a1", ["a"]);
  queue.add("shared", ["a"]);
  queue.add("shared", ["b"]);
  queue.add("shared", ["b"]);

  expect(drain(queue)).toEqual(["a1", "shared"]);
});

test("a key that was deleted is not taken, and no party is left without a key", () => {
  const queue = createFairQueue<string>();
  queue.add("gone", ["a", "b"]);
  queue.add("stays", ["b"]);

  expect([queue.delete("gone"), queue.delete("gone"), queue.has("gone")]).toEqual([true, false, false]);
  expect(drain(queue)).toEqual(["stays"]);
});

test("a key that was taken may wait again", () => {
  const queue = createFairQueue<string>();
  queue.add("a1", ["a"]);
  queue.take();
  queue.add("a1", ["a"]);

  expect(queue.take()).toBe("a1");
});

test("all can be taken at once", () => {
  const queue = createFairQueue<string>();
  queue.add("a1", ["a", "b"]);
  queue.add("b1", ["b"]);

  expect(queue.takeAll()).toEqual(["a1", "b1"]);
  expect([queue.take(), queue.has("a1")]).toEqual([undefined, false]);
});

test("where turns are remembered, who has had none for longest is next, also one that comes back", () => {
  const queue = createFairQueue<string>(10);
  queue.add("c1", ["c"]);
  const taken = [queue.take()];
  for (const key of ["a1", "a2", "a3", "b1", "b2", "b3"]) {
    queue.add(key, [key.charAt(0)]);
  }
  taken.push(queue.take(), queue.take());
  queue.add("c2", ["c"]);
  queue.add("d1", ["d"]);

  expect([...taken, ...drain(queue)]).toEqual(["c1", "a1", "b1", "d1", "c2", "a2", "b2", "a3", "b3"]);
});
