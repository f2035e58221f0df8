import { expect, test } from "bun:test";
import { at, listAt, textAt, timeAt } from "../../../src/kubernetes/raw-json.ts";

test("a path through what is absent, null or no object leads to nothing", () => {
  const raw: unknown = JSON.parse('{"a":{"b":null,"c":"text","d":[1]}}');

  const found = [at(raw, "a", "b", "x"), at(raw, "a", "c", "length"), at(raw, "z", "y"), at(null, "a"), at(7, "a")];

  expect(found).toEqual([undefined, undefined, undefined, undefined, undefined]);
});

test("an inherited field is no field", () => {
  const found = [at({}, "constructor", "name"), at({}, "__proto__"), at({}, "toString")];

  expect(found).toEqual([undefined, undefined, undefined]);
});

test("a value of another type reads as an absent one", () => {
  const raw = { text: 7, list: { length: 1 }, time: "yesterday" };

  expect(textAt(raw, "text")).toBe("");
  expect(listAt(raw, "list")).toEqual([]);
  expect(timeAt(raw, "time")).toBeUndefined();
});

test("texts, lists and times are found at the end of their path", () => {
  const raw = { a: { text: "t", list: [1], time: "2026-01-01T00:00:00Z" } };

  expect(textAt(raw, "a", "text")).toBe("t");
  expect(listAt(raw, "a", "list")).toEqual([1]);
  expect(timeAt(raw, "a", "time")).toBe(Date.UTC(2026, 0, 1));
});
