import { expect, test } from "bun:test";
import { createNamespaceStore } from "../../../../src/server/workload/namespaces.ts";
import { aNamespace } from "../../../fakes/pods.ts";

function createHeardStore() {
  const store = createNamespaceStore();
  const heard: string[] = [];
  store.changes.add((name) => heard.push(name));
  return { store, heard };
}

test("a namespace permits what it says, one not known permits nothing", () => {
  const { store, heard } = createHeardStore();

  store.upsert(aNamespace({ name: "team", permitted: ".*reader" }));

  expect(store.permitted("team")).toBe(".*reader");
  expect(store.permitted("other")).toBe("");
  expect(heard).toEqual(["team"]);
});

test("a changed pattern is told, and a version without another pattern: it overrules what older ones are said to permit", () => {
  const { store, heard } = createHeardStore();
  store.upsert(aNamespace({ permitted: "a", resourceVersion: "1" }));
  heard.length = 0;

  store.upsert(aNamespace({ permitted: "a", resourceVersion: "2" }));
  store.upsert(aNamespace({ permitted: "b", resourceVersion: "3" }));

  store.upsert(aNamespace({ permitted: "b", resourceVersion: "3" }));

  expect(heard).toEqual(["default", "default"]);
  expect(store.permitted("default")).toBe("b");
});

test("an older event changes nothing", () => {
  const { store, heard } = createHeardStore();
  store.upsert(aNamespace({ permitted: "narrow", resourceVersion: "10" }));

  store.upsert(aNamespace({ permitted: ".*", resourceVersion: "9" }));

  expect(store.permitted("default")).toBe("narrow");
  expect(heard.length).toBe(1);
});

test("a removed namespace permits nothing, and is told of once", () => {
  const { store, heard } = createHeardStore();
  store.upsert(aNamespace({ name: "team", permitted: ".*" }));
  heard.length = 0;

  store.remove("team");
  store.remove("team");

  expect(store.permitted("team")).toBe("");
  expect(heard).toEqual(["team"]);
});

test("an event from before a namespace's removal does not bring its pattern back", () => {
  const { store, heard } = createHeardStore();
  store.upsert(aNamespace({ permitted: ".*", resourceVersion: "10" }));
  store.remove("default", "12");

  store.upsert(aNamespace({ permitted: ".*", resourceVersion: "10" }));
  store.upsert(aNamespace({ permitted: ".*", resourceVersion: "11" }));

  expect(store.permitted("default")).toBe("");
  expect(heard).toEqual(["default", "default"]);
});

test("late news of a removal does not take away, nor keep away, the namespace that was made anew", () => {
  const { store } = createHeardStore();
  const anew = aNamespace({ permitted: "new", resourceVersion: "20" });
  store.upsert(aNamespace({ permitted: "old", resourceVersion: "10" }));
  store.remove("default", "12");
  store.upsert(anew);

  store.remove("default", "12");
  const afterRemoval = store.permitted("default");
  store.upsert(anew);

  expect([afterRemoval, store.permitted("default")]).toEqual(["new", "new"]);
});

test("a list that has a removed namespace again is right", () => {
  const { store } = createHeardStore();
  store.upsert(aNamespace({ permitted: "old", resourceVersion: "10" }));
  store.remove("default", "12");

  store.replaceAll([aNamespace({ permitted: "restored", resourceVersion: "5" })]);
  store.upsert(aNamespace({ permitted: "changed", resourceVersion: "6" }));

  expect(store.permitted("default")).toBe("changed");
});

test("a list replaces everything and tells only what is different, after the store has changed", () => {
  const { store } = createHeardStore();
  for (const name of ["gone", "same", "other"]) {
    store.upsert(aNamespace({ name, permitted: name }));
  }
  const seen: string[] = [];
  store.changes.add((name) => seen.push(`${name} ${store.permitted(name)} ${store.permitted("gone")}`));

  store.replaceAll([
    aNamespace({ name: "same", permitted: "same" }),
    aNamespace({ name: "other", permitted: "changed", resourceVersion: "1" }),
    aNamespace({ name: "new", permitted: "new" }),
  ]);

  expect(seen).toEqual(["gone  ", "other changed ", "new new "]);
});

test("a namespace's version is the one held, of one that is not known that of the newest news", () => {
  const store = createNamespaceStore();
  store.replaceAll([aNamespace({ resourceVersion: "100" })], "120");
  store.upsert(aNamespace({ name: "other", resourceVersion: "130" }));
  store.remove("other", "140");
  const versions = ["default", "other"].map(store.versionOf);

  store.reached?.("150");

  expect(versions).toEqual([100n, 140n]);
  expect(store.versionOf("other")).toBe(150n);
});

test("a list tells of the namespaces of another version, though they permit the same", () => {
  const { store, heard } = createHeardStore();
  store.replaceAll([aNamespace({ resourceVersion: "1" })]);

  store.replaceAll([aNamespace({ resourceVersion: "3" })]);
  store.replaceAll([aNamespace({ resourceVersion: "3" })]);

  expect(heard).toEqual(["default", "default"]);
});
