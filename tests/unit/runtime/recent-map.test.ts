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
