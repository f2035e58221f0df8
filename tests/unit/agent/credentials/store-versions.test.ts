import { expect, test } from "bun:test";
import type { NodePod, NodeUpdate } from "../../../../src/domain/node-pod.ts";
import { aStore } from "../../../fakes/credential-stores.ts";
import {
  aHeartbeat,
  allowed,
  aNodePod,
  anIdentity,
  aSnapshot,
  issued,
  someChanges,
  versions,
} from "../../../fakes/node-pods.ts";
import { anAddress } from "../../../fakes/pods.ts";

const address = anAddress("10.0.0.1");
const hourMs = 3_600_000;
const denied = { kind: "denied", explanation: "forbidden" } as const;

const podAt = (pod: number, overrides: Partial<NodePod> = {}, namespace = 1) =>
  aNodePod({ ...overrides, uid: overrides.uid ?? "uid-1", versions: versions(pod, namespace) });

/** What the store says of an address. */
function saying(updates: readonly NodeUpdate[]) {
  const { store } = aStore(...updates);
  const owner = store.owner(address);
  return owner.kind === "owner" ? `${owner.pod.uid} ${owner.pod.decision.kind}` : owner.kind;
}

test.each([
  ["a snapshot", aSnapshot([podAt(5)], [], 8)],
  ["changes", someChanges({ pods: [podAt(5)], podsVersion: 8 })],
])("a role that was withdrawn does not come back by %s of a replica that is behind", (_, behind) => {
  const withdrawn = someChanges({ pods: [podAt(9, { decision: denied })], podsVersion: 9 });

  const said = saying([aSnapshot([podAt(5)], [], 5), withdrawn, aSnapshot([], [], 4), behind]);

  expect(said).toBe("uid-1 denied");
});

test("what a namespace no longer permits does not come back by a replica whose namespaces are behind", () => {
  const narrowed = someChanges({ pods: [podAt(5, { decision: denied }, 7)], podsVersion: 5 });

  const said = saying([aSnapshot([podAt(5, {}, 6)], [], 5), narrowed, aSnapshot([podAt(5, {}, 6)], [], 5)]);

  expect(said).toBe("uid-1 denied");
});

test("a pod that is new gets no role by a version of its namespace that is older than the one known", () => {
  const narrowed = aSnapshot([podAt(5, { decision: denied }, 7)], [], 5);
  const another = podAt(6, { uid: aNodePod({ uid: "uid-2" }).uid, addresses: [anAddress("10.0.0.2")] }, 6);
  const { store } = aStore(narrowed, someChanges({ pods: [another], podsVersion: 6 }));

  const before = store.owner(anAddress("10.0.0.2"));
  store.apply(someChanges({ pods: [{ ...another, versions: versions(6, 7) }], podsVersion: 6 }));
  const after = store.owner(anAddress("10.0.0.2"));

  expect([before, after].map((owner) => owner.kind === "owner" && owner.pod.decision.kind)).toEqual([
    "denied",
    "allowed",
  ]);
});

test("a role that a pod has had is not taken away because the version of its namespace is an older one", () => {
  const other = podAt(6, { uid: aNodePod({ uid: "uid-2" }).uid, addresses: [] }, 7);

  const said = saying([
    aSnapshot([podAt(5, {}, 6), other], [], 6),
    someChanges({ pods: [podAt(7, {}, 6)], podsVersion: 7 }),
  ]);

  expect(said).toBe("uid-1 allowed");
});

test.each([
  ["a snapshot", aSnapshot([podAt(5)], [], 8)],
  ["changes", someChanges({ pods: [podAt(8)], podsVersion: 8 })],
])("a removed pod does not come back by %s of a replica that is behind", (_, behind) => {
  const said = saying([aSnapshot([podAt(5)], [], 5), someChanges({ removed: ["uid-1"], podsVersion: 9 }), behind]);

  expect(said).toBe("nobody");
});

test("a removed pod that a newer version is told of is live again", () => {
  const removed = someChanges({ removed: ["uid-1"], podsVersion: 9 });

  const said = saying([aSnapshot([podAt(5)], [], 5), removed, someChanges({ pods: [podAt(10)], podsVersion: 10 })]);

  expect(said).toBe("uid-1 allowed");
});

test("a pod that a fresh replica did not know of any more does not come back by one that is behind", () => {
  const said = saying([aSnapshot([podAt(5)], [], 5), aSnapshot([], [], 20), aSnapshot([podAt(5)], [], 12)]);

  expect(said).toBe("nobody");
});

test("a pod newer than all that a replica knows stays, until the replica has heard of newer ones and says nothing of it", () => {
  const { store } = aStore(aSnapshot([podAt(9)], [issued()], 9), aSnapshot([], [], 8));
  const behind = [store.owner(address).kind, store.credentials(anIdentity("identity-reader")) !== undefined];

  store.apply(aHeartbeat(9));
  const after = store.owner(address).kind;

  expect([...behind, after]).toEqual(["owner", true, "nobody"]);
});

test("a pod newer than all that a replica knows stays once the replica has heard of it too", () => {
  const told = someChanges({ pods: [podAt(9)], podsVersion: 9 });

  const said = saying([aSnapshot([podAt(9)], [], 9), aSnapshot([], [], 8), told, aHeartbeat(20)]);

  expect(said).toBe("uid-1 allowed");
});

test("the end of a pod's former life does not end its next", () => {
  const left = someChanges({ removed: ["uid-1"], podsVersion: 7 });

  const said = saying([aSnapshot([podAt(9)], [], 9), aSnapshot([podAt(5)], [], 5), left]);

  expect(said).toBe("uid-1 allowed");
});

test("what was heard more than an hour ago is overruled by whatever is told: an API server may come from a backup", async () => {
  const { store, clock } = aStore(aSnapshot([podAt(900, { decision: denied })], [], 900));
  const restored = aSnapshot([podAt(5)], [], 5);

  await clock.advance(hourMs - 1);
  store.apply(restored);
  const before = store.owner(address);
  await clock.advance(1);
  store.apply(restored);
  const after = store.owner(address);

  expect([before, after].map((owner) => owner.kind === "owner" && owner.pod.decision.kind)).toEqual([
    "denied",
    "allowed",
  ]);
});

test.each([
  ["nobody told of, newer than what the stream has heard of", [], 12, "owner"],
  ["nobody told of, which the stream should have told of", [], 10, "nobody"],
])("of a pod that %s an answer is believed accordingly", (_, told, version, kind) => {
  const { store } = aStore(aSnapshot(told, [], 10));
  using question = store.beginQuestion();

  question.admit({ pod: podAt(version) });

  expect(store.owner(address).kind).toBe(kind as "owner" | "nobody");
});

test.each([
  ["a newer version", 6, "allowed"],
  ["the same version", 5, "denied"],
  ["an older version", 4, "denied"],
] as const)("a pod that the stream denies is %s in an answer, which counts accordingly", (_, version, kind) => {
  const { store } = aStore(aSnapshot([podAt(5, { decision: denied })], [], 5));
  using question = store.beginQuestion();

  question.admit({ pod: podAt(version) });
  const owner = store.owner(address);

  expect(owner.kind === "owner" && owner.pod.decision.kind).toBe(kind);
});

test("an older answer takes no role away", () => {
  const { store } = aStore(aSnapshot([podAt(5)], [], 5));
  using question = store.beginQuestion();

  question.admit({ pod: podAt(4, { decision: denied }) });
  const owner = store.owner(address);

  expect(owner.kind === "owner" && owner.pod.decision.kind).toBe("allowed");
});

test("a pod that an answer brought goes once the stream has heard of newer pods and not told of it", () => {
  const { store } = aStore(aSnapshot([], [], 10));
  using question = store.beginQuestion();
  question.admit({ pod: podAt(12), identity: issued() });

  store.apply(aHeartbeat(11));
  const before = store.owner(address).kind;
  store.apply(aHeartbeat(12));

  expect([before, store.owner(address).kind]).toEqual(["owner", "nobody"]);
});

test("of equal versions the newest stream's word counts", () => {
  const writer = podAt(5, { annotatedRole: "writer", decision: allowed("identity-writer", "writer") });
  const { store } = aStore(aSnapshot([podAt(5)], [], 5), aSnapshot([writer], [], 5));

  expect(store.owner(address)).toEqual({ kind: "owner", pod: writer });
});

test("a doubt ends with whoever knows the namespace, also where that one says an older version of the pod", () => {
  const other = podAt(3, { uid: aNodePod({ uid: "uid-2" }).uid, addresses: [] }, 7);
  const { store } = aStore(aSnapshot([other], [], 5));
  using question = store.beginQuestion();
  question.admit({ pod: podAt(7, {}, 6) });
  const before = store.owner(address);

  store.apply(someChanges({ pods: [podAt(6, {}, 7)], podsVersion: 7 }));
  const after = store.owner(address);

  expect(before.kind === "owner" && before.pod.decision.kind).toBe("denied");
  expect(after).toEqual({ kind: "owner", pod: podAt(7, {}, 7) });
});
