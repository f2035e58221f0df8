import { expect, test } from "bun:test";
import { Registry } from "prom-client";
import { createCredentialStore } from "../../../../src/agent/credentials/store.ts";
import { createAgentMetrics } from "../../../../src/agent/metrics.ts";
import { createFakeClock } from "../../../fakes/clock.ts";
import { aStore } from "../../../fakes/credential-stores.ts";
import {
  accessDenied,
  aHeartbeat,
  allowed,
  aNodePod,
  anIdentity,
  aSnapshot,
  failed,
  issued,
  someChanges,
  someCredentials,
} from "../../../fakes/node-pods.ts";
import { anAddress } from "../../../fakes/pods.ts";

const address = anAddress("10.0.0.1");
const identity = anIdentity("identity-reader");
const hourMs = 3_600_000;

test("before the first snapshot a store is not in sync and knows nobody", () => {
  const { store } = aStore();

  const owner = store.owner(address);

  expect(owner).toEqual({ kind: "nobody" });
  expect(store.synced).toBe(false);
});

test("a snapshot brings pods by every address of theirs, and their credentials", () => {
  const pod = aNodePod({ addresses: ["10.0.0.1", "fd00::1"] });

  const { store } = aStore(aSnapshot([pod], [issued()]));

  expect(store.synced).toBe(true);
  expect(store.owner(address)).toEqual({ kind: "owner", pod });
  expect(store.owner(anAddress("fd00::1"))).toEqual({ kind: "owner", pod });
  expect(store.credentials(identity)).toEqual(someCredentials());
});

test("a pod that names one address twice is still one claimant", () => {
  const { store } = aStore(aSnapshot([aNodePod({ addresses: ["10.0.0.1", "10.0.0.1"] })]));

  const owner = store.owner(address);

  expect(owner.kind).toBe("owner");
});

test("a pod that a later snapshot lacks is gone, and with the last user its credentials", () => {
  const { store } = aStore(aSnapshot([aNodePod()], [issued()]));

  store.apply(aSnapshot([]));
  store.apply(aSnapshot([aNodePod()]));

  expect(store.owner(address).kind).toBe("owner");
  expect(store.credentials(identity)).toBeUndefined();
});

test("a snapshot without an identity's credentials takes none away", () => {
  const { store } = aStore(aSnapshot([aNodePod()], [issued()]));

  store.apply(aSnapshot([aNodePod()]));

  expect(store.credentials(identity)).toEqual(someCredentials());
});

test("a snapshot in which another pod uses the identity keeps its credentials", () => {
  const { store } = aStore(aSnapshot([aNodePod()], [issued()]));

  store.apply(aSnapshot([aNodePod({ uid: "uid-2", addresses: ["10.0.0.2"] })]));

  expect(store.credentials(identity)).toEqual(someCredentials());
});

test("of two credentials the later expiry wins, whichever comes first", () => {
  const late = someCredentials({ accessKeyId: "ASIALATE", expiresAtMs: someCredentials().expiresAtMs + hourMs });
  const { store } = aStore(aSnapshot([aNodePod()], [issued(late)]));

  store.apply(aSnapshot([aNodePod()], [issued()]));
  const afterOlder = store.credentials(identity);
  const { store: other } = aStore(aSnapshot([aNodePod()], [issued()]), aSnapshot([aNodePod()], [issued(late)]));

  expect(afterOlder).toEqual(late);
  expect(other.credentials(identity)).toEqual(late);
});

test("the same credentials that come again stay the same object, so that answers made of them stay good", () => {
  const { store } = aStore(aSnapshot([aNodePod()], [issued()]));
  const before = store.credentials(identity);

  store.apply(aSnapshot([aNodePod()], [issued(someCredentials())]));

  expect(before).toBeDefined();
  expect(store.credentials(identity)).toBe(before);
});

test("expired credentials are not handed out, not even while the servers are away", async () => {
  const { store, clock } = aStore(aSnapshot([aNodePod()], [issued()]));

  await clock.advance(hourMs - 1);
  const justBefore = store.credentials(identity);
  await clock.advance(1);

  expect(justBefore).toEqual(someCredentials());
  expect(store.credentials(identity)).toBeUndefined();
  expect(store.holdsUnexpired()).toBe(false);
});

test("a failure takes no valid credentials away, and is remembered with its time", () => {
  const { store, clock } = aStore(aSnapshot([aNodePod()], [issued()]));

  store.apply(someChanges({ identities: [failed()] }));

  expect(store.credentials(identity)).toEqual(someCredentials());
  expect(store.failure(identity)).toEqual({ failure: accessDenied, heardAtMs: clock.now() });
});

test("credentials end what was remembered of a failure", () => {
  const { store } = aStore(aSnapshot([aNodePod()], [failed()]));

  store.apply(someChanges({ identities: [issued()] }));

  expect(store.failure(identity)).toBeUndefined();
});

test("a denial takes effect at once, and the credentials that nobody else uses go", () => {
  const { store } = aStore(aSnapshot([aNodePod()], [issued()]));
  const denied = aNodePod({ decision: { kind: "denied", explanation: "forbidden" } });

  store.apply(someChanges({ pods: [denied] }));

  expect(store.owner(address)).toEqual({ kind: "owner", pod: denied });
  expect(store.credentials(identity)).toBeUndefined();
});

test("a pod whose annotation changed has the new identity at once, and nothing of the old one", () => {
  const { store } = aStore(aSnapshot([aNodePod()], [issued()]));
  const writer = aNodePod({ annotatedRole: "writer", decision: allowed("identity-writer", "writer") });

  store.apply(someChanges({ pods: [writer] }));

  expect(store.credentials(identity)).toBeUndefined();
  expect(store.credentials(anIdentity("identity-writer"))).toBeUndefined();
});

test("a pod renamed to what it was keeps its credentials", () => {
  const { store } = aStore(aSnapshot([aNodePod()], [issued()]));

  store.apply(someChanges({ pods: [aNodePod({ annotatedRole: "/reader" })] }));

  expect(store.credentials(identity)).toEqual(someCredentials());
});

test("a removed pod is gone; one that shares its identity keeps the credentials", () => {
  const other = aNodePod({ uid: "uid-2", addresses: ["10.0.0.2"] });
  const { store } = aStore(aSnapshot([aNodePod(), other], [issued()]));

  store.apply(someChanges({ removed: ["uid-1"] }));
  const shared = store.credentials(identity);
  store.apply(someChanges({ removed: ["uid-2"] }));

  expect(store.owner(address)).toEqual({ kind: "nobody" });
  expect(shared).toEqual(someCredentials());
  expect(store.credentials(identity)).toBeUndefined();
});

test("credentials of an identity that no pod uses are not kept", () => {
  const { store } = aStore(aSnapshot([], [issued()]));

  store.apply(someChanges({ pods: [aNodePod()] }));

  expect(store.credentials(identity)).toBeUndefined();
});

test("of two pods with one address the later started has it; the other gets it back", () => {
  const old = aNodePod({ uid: "uid-old", startedAtMs: 1 });
  const young = aNodePod({ uid: "uid-young", startedAtMs: 2 });
  const { store } = aStore(aSnapshot([old, young]));

  const both = store.owner(address);
  store.apply(someChanges({ removed: ["uid-young"] }));

  expect(both).toEqual({ kind: "owner", pod: young });
  expect(store.owner(address)).toEqual({ kind: "owner", pod: old });
});

test("two pods with one address that started at the same moment leave a doubt", () => {
  const { store } = aStore(aSnapshot([aNodePod({ uid: "uid-a" }), aNodePod({ uid: "uid-b" })]));

  const owner = store.owner(address);

  expect(owner).toEqual({ kind: "doubt" });
});

test("a pod that moves gives its address back", () => {
  const { store } = aStore(aSnapshot([aNodePod()]));

  store.apply(someChanges({ pods: [aNodePod({ addresses: ["10.0.0.9"] })] }));

  expect(store.owner(address)).toEqual({ kind: "nobody" });
  expect(store.owner(anAddress("10.0.0.9")).kind).toBe("owner");
});

test("each change is told after it is made; a heartbeat is none", () => {
  const { store } = aStore();
  const told: string[] = [];
  using _told = store.changes.add(() => told.push(store.owner(address).kind));

  store.apply(aSnapshot([aNodePod()]));
  store.apply(aHeartbeat());
  store.apply(someChanges({ removed: ["uid-1"] }));

  expect(told).toEqual(["owner", "nobody"]);
});

test("metrics say how many pods and credentials are held", async () => {
  const metrics = createAgentMetrics(new Registry());
  const store = createCredentialStore({ clock: createFakeClock(), metrics });

  store.apply(aSnapshot([aNodePod(), aNodePod({ uid: "uid-2", addresses: [] })], [issued()]));
  store.apply(aSnapshot([aNodePod(), aNodePod({ uid: "uid-2", addresses: [] })], [issued()]));

  expect((await metrics.storePods.get()).values[0]?.value).toBe(2);
  expect((await metrics.storeIdentities.get()).values[0]?.value).toBe(1);
});
