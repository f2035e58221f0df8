import { expect, test } from "bun:test";
import { aStore } from "../../../fakes/credential-stores.ts";
import { allowed, aNodePod, anIdentity, aSnapshot, issued, someChanges } from "../../../fakes/node-pods.ts";
import { anAddress } from "../../../fakes/pods.ts";

const address = anAddress("10.0.0.1");
const identity = anIdentity("identity-reader");
const writer = aNodePod({
  uid: "uid-2",
  addresses: ["10.0.0.2"],
  annotatedRole: "writer",
  decision: allowed("identity-writer", "writer"),
});

test("set aside, a store knows nobody; then it knows again what it knew and was told meanwhile", () => {
  const { store } = aStore(aSnapshot([aNodePod()]));

  const aside = store.setAside();
  store.apply(someChanges({ pods: [writer] }));
  const meanwhile = [store.owner(address), store.owner(anAddress("10.0.0.2"))];
  aside[Symbol.dispose]();

  expect(meanwhile).toEqual([{ kind: "nobody" }, { kind: "nobody" }]);
  expect(store.owner(address)).toEqual({ kind: "owner", pod: aNodePod() });
  expect(store.owner(anAddress("10.0.0.2"))).toEqual({ kind: "owner", pod: writer });
});

test("set aside twice, its word counts once both have ended, and whoever waits is told", () => {
  const { store } = aStore(aSnapshot([aNodePod()]));
  const seen: string[] = [];
  const [one, other] = [store.setAside(), store.setAside()];
  store.changes.add(() => seen.push(store.owner(address).kind));

  one[Symbol.dispose]();
  one[Symbol.dispose]();
  other[Symbol.dispose]();

  expect(seen).toEqual(["nobody", "owner"]);
});

test("a disowned address is nobody's, its credentials go, and other pods stay", () => {
  const { store } = aStore(aSnapshot([aNodePod(), writer], [issued()]));

  store.disown(address);

  expect(store.owner(address)).toEqual({ kind: "nobody" });
  expect(store.credentials(identity)).toBeUndefined();
  expect(store.owner(anAddress("10.0.0.2")).kind).toBe("owner");
});

test("a pod that what was said of its address fits is left, also where two have it", () => {
  const other = aNodePod({ uid: "uid-3", annotatedRole: "other" });
  const { store } = aStore(aSnapshot([aNodePod(), other]));
  const doubt = store.owner(address);

  store.disown(address, ({ annotatedRole }) => annotatedRole === "reader");

  expect(doubt).toEqual({ kind: "doubt" });
  expect(store.owner(address)).toEqual({ kind: "owner", pod: aNodePod() });
});

test("a disowned pod comes back with the next snapshot that tells of it", () => {
  const { store } = aStore(aSnapshot([aNodePod()]));
  store.disown(address);

  store.apply(aSnapshot([aNodePod()]));

  expect(store.owner(address).kind).toBe("owner");
});

test("a store that has forgotten is as before its first snapshot", () => {
  const { store } = aStore(aSnapshot([aNodePod(), writer], [issued()]));

  store.forget();

  expect([store.synced, store.podsWithRoles, store.holdsUnexpired()]).toEqual([false, 0, false]);
  expect(store.owner(address)).toEqual({ kind: "nobody" });
  expect(store.credentials(identity)).toBeUndefined();
});
