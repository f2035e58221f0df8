import { expect, test } from "bun:test";
import { createLimit } from "../../../../src/agent/metadata/limit.ts";

test("a key has so many places, and another key its own", () => {
  const limit = createLimit<string>(2);

  const places = ["a", "a", "a", "b"].map((key) => limit.take(key) !== undefined);

  expect(places).toEqual([true, true, false, true]);
});

test("a place given back can be taken again", () => {
  const limit = createLimit<string>(1);
  const place = limit.take("a");

  place?.[Symbol.dispose]();

  expect(limit.take("a")).toBeDefined();
  expect(limit.take("a")).toBeUndefined();
});
