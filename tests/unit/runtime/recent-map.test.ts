import { expect, test } from "bun:test";
import { createRecentMap } from "../../../src/runtime/recent-map.ts";

test("what was used longest ago is forgotten first", () => {
  const recent = createRecentMap<string, number>(2);
  recent.set("a", 1);
  recent.set("b", 2);

  recent.get("a");
  recent.set("c", 3);

  expect(recent.get("b")).toBeUndefined();
  expect(recent.get("a")).toBe(1);
  expect(recent.get("c")).toBe(3);
  expect(recent.size).toBe(2);
});

test("an entry set again is one entry, newly used", () => {
  const recent = createRecentMap<string, number>(2);
  recent.set("a", 1);
  recent.set("b", 2);

  recent.set("a", 10);
  recent.set("c", 3);

  expect(recent.get("a")).toBe(10);
  expect(recent.get("b")).toBeUndefined();
});

test("asking for what is not there uses nothing", () => {
  const recent = createRecentMap<string, number>(1);
  recent.set("a", 1);

  expect(recent.get("b")).toBeUndefined();
  expect(recent.get("a")).toBe(1);
});

test("what weighs more leaves room for fewer", () => {
  const recent = createRecentMap<string, number>(10, (key, value) => key.length + value);
  recent.set("a", 2);
  recent.set("b", 2);
  recent.set("c", 2);

  recent.set("long", 4);
  const afterLong = ["a", "b", "c", "long"].filter((key) => recent.get(key) !== undefined);
  recent.set("long", 0);
  recent.set("d", 5);
  const afterLight = ["long", "d"].filter((key) => recent.get(key) !== undefined);

  expect(afterLong).toEqual(["long"]);
  expect(afterLight).toEqual(["long", "d"]);
});

test("what is deleted, or cleared, weighs nothing any more", () => {
  const recent = createRecentMap<string, number>(10, (_, value) => value);
  recent.set("a", 9);
  recent.delete("a");
  recent.delete("a");
  recent.set("b", 5);
  recent.set("c", 5);
  const afterDelete = recent.size;
  recent.clear();
  recent.set("d", 5);
  recent.set("e", 5);

  expect([afterDelete, recent.size]).toEqual([2, 2]);
});

test("entries are deleted one by one or all at once", () => {
  const recent = createRecentMap<string, number>(3);
  for (const [index, key] of ["a", "b", "c"].entries()) {
    recent.set(key, index);
  }

  recent.delete("b");
  expect(recent.size).toBe(2);
  recent.clear();

  expect(recent.size).toBe(0);
  expect(recent.get("a")).toBeUndefined();
});

test("a large map makes room for some at once, the oldest, and for no more than a sixty-fourth", () => {
  const recent = createRecentMap<number, string>(640);
  for (let key = 0; key < 641; key += 1) {
    recent.set(key, "kept");
  }

  const kept = Array.from({ length: 641 }, (_, key) => key).filter((key) => recent.get(key) !== undefined);

  expect(kept[0]).toBe(11);
  expect(kept).toHaveLength(630);
  expect(recent.size).toBe(630);
});
