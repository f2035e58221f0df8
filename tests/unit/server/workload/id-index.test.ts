import { expect, test } from "bun:test";
import { createIdIndex } from "../../../../src/server/workload/id-index.ts";

test("a key has the ids filed under it, each once", () => {
  const index = createIdIndex<string>();

  index.add("key", "a");
  index.add("key", "a");
  index.add("key", "b");
  index.add("key", "b");
  index.add("other", "c");

  expect([...index.idsOf("key")]).toEqual(["a", "b"]);
  expect([...index.idsOf("other")]).toEqual(["c"]);
  expect([...index.idsOf("none")]).toEqual([]);
});

test("what is removed is gone, and the rest stays", () => {
  const index = createIdIndex<string>();
  for (const id of ["a", "b", "c"]) {
    index.add("key", id);
  }

  index.remove("key", "b");
  index.remove("key", "unknown");
  index.remove("unknown", "a");
  expect([...index.idsOf("key")]).toEqual(["a", "c"]);
  index.remove("key", "a");
  expect([...index.idsOf("key")]).toEqual(["c"]);
  index.remove("key", "a");
  expect([...index.idsOf("key")]).toEqual(["c"]);
  index.remove("key", "c");

  expect([...index.idsOf("key")]).toEqual([]);
});
