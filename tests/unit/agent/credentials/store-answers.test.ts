import { expect, test } from "bun:test";
import { aStore } from "../../../fakes/credential-stores.ts";
import {
  aHeartbeat,
  allowed,
  aNodePod,
  anIdentity,
  aSnapshot,
  issued,
  someChanges,
  someCredentials,
} from "../../../fakes/node-pods.ts";
import { anAddress } from "../../../fakes/pods.ts";

const address = anAddress("10.0.0.1");
const identity = anIdentity("identity-reader");
const hourMs = 3_600_000;

test("an answer to a question is taken in until a snapshot without its pod comes", () => {
  const { store } = aStore(aSnapshot([]));
  using question = store.beginQuestion();

  question.admit({ pod: aNodePod(), identity: issued() });
  const admitted = [store.owner(address).kind, store.credentials(identity)];
  store.apply(aSnapshot([]));

  expect(admitted).toEqual(["owner", someCredentials()]);
  expect(store.owner(address)).toEqual({ kind: "nobody" });
});

test("a pod deleted while it was asked about does not come back by the answer", () => {
  const { store } = aStore(aSnapshot([aNodePod()]));
  using question = store.beginQuestion();
  store.apply(someChanges({ removed: ["uid-1"] }));

  question.admit({ pod: aNodePod(), identity: issued() });

  expect(store.owner(address)).toEqual({ kind: "nobody" });
  expect(store.credentials(identity)).toBeUndefined();
});

test("a pod denied while it was asked about stays denied", () => {
  const { store } = aStore(aSnapshot([aNodePod()]));
  const denied = aNodePod({ decision: { kind: "denied", explanation: "forbidden" } });
  using question = store.beginQuestion();
  store.apply(someChanges({ pods: [denied] }));

  question.admit({ pod: aNodePod(), identity: issued() });

  expect(store.owner(address)).toEqual({ kind: "owner", pod: denied });
});

test("a snapshot that came while a question was open overrules its pod, and its credentials are still good", () => {
  const moved = aNodePod({ addresses: ["10.0.0.9"] });
  const { store } = aStore(aSnapshot([]));
  using question = store.beginQuestion();
  store.apply(aSnapshot([moved]));

  question.admit({ pod: aNodePod(), identity: issued() });

  expect(store.owner(address)).toEqual({ kind: "nobody" });
  expect(store.credentials(identity)).toEqual(someCredentials());
});

test.each([
  ["denied", aNodePod({ decision: { kind: "denied", explanation: "forbidden" } })],
  ["of another role", aNodePod({ annotatedRole: "writer", decision: allowed("identity-writer", "writer") })],
])("a pod that the stream told of as %s gets no role by an answer: whoever was asked may be behind", (_, told) => {
  const { store } = aStore(aSnapshot([told]));
  using question = store.beginQuestion();

  question.admit({ pod: aNodePod(), identity: issued() });

  expect(store.owner(address)).toEqual({ kind: "owner", pod: told });
  expect(store.credentials(identity)).toBeUndefined();
});

test("an answer takes the role of a pod that the stream told of away", () => {
  const denied = aNodePod({ decision: { kind: "denied", explanation: "forbidden" } });
  const { store } = aStore(aSnapshot([aNodePod()], [issued()]));
  using question = store.beginQuestion();
  store.apply(someChanges({ pods: [aNodePod({ uid: "uid-2", addresses: ["10.0.0.2"] })] }));

  question.admit({ pod: denied });

  expect(store.owner(address)).toEqual({ kind: "owner", pod: denied });
});

test("an answer about a pod that the stream told of brings its credentials all the same", () => {
  const { store } = aStore(aSnapshot([aNodePod()]));
  using question = store.beginQuestion();

  question.admit({ pod: aNodePod(), identity: issued() });

  expect(store.credentials(identity)).toEqual(someCredentials());
});

test("a later answer about a pod that only answers told of replaces the former", () => {
  const { store } = aStore(aSnapshot([]));
  using question = store.beginQuestion();
  question.admit({ pod: aNodePod() });
  const writer = aNodePod({ annotatedRole: "writer", decision: allowed("identity-writer", "writer") });

  question.admit({ pod: writer });

  expect(store.owner(address)).toEqual({ kind: "owner", pod: writer });
});

test("a pod that the stream removed does not come back by the answer of a replica that is behind", () => {
  const { store } = aStore(aSnapshot([aNodePod()]), someChanges({ removed: ["uid-1"] }));
  using question = store.beginQuestion();

  question.admit({ pod: aNodePod(), identity: issued() });

  expect(store.owner(address)).toEqual({ kind: "nobody" });
  expect(store.credentials(identity)).toBeUndefined();
});

test("a pod that the stream removed does not come back by the snapshot of a replica that is behind", () => {
  const successor = aNodePod({ uid: "uid-2" });
  const { store } = aStore(aSnapshot([aNodePod()]), someChanges({ removed: ["uid-1"], pods: [successor] }));

  store.apply(aSnapshot([aNodePod()], [issued()]));

  expect(store.owner(address)).toEqual({ kind: "nobody" });
  expect(store.credentials(identity)).toBeUndefined();
});

test("a pod that was removed by mistake comes back by a snapshot an hour later", async () => {
  const { store, clock } = aStore(aSnapshot([aNodePod()]), someChanges({ removed: ["uid-1"] }));

  await clock.advance(hourMs - 1);
  store.apply(aSnapshot([aNodePod()]));
  const before = store.owner(address).kind;
  await clock.advance(1);
  store.apply(aSnapshot([aNodePod()]));

  expect([before, store.owner(address).kind]).toEqual(["nobody", "owner"]);
});

test("a pod that was removed and that a stream then tells of is live again", () => {
  const { store } = aStore(aSnapshot([aNodePod()]), someChanges({ removed: ["uid-1"] }));

  store.apply(someChanges({ pods: [aNodePod()] }));
  store.apply(aSnapshot([aNodePod()]));

  expect(store.owner(address).kind).toBe("owner");
});

test.each([
  ["a heartbeat", aHeartbeat()],
  ["a removal of another pod", someChanges({ removed: ["uid-2"] })],
] as const)(
  "a pod that an answer brought is gone by %s, where the stream tells nothing of it for ten seconds",
  async (_, said) => {
    const { store, clock } = aStore(aSnapshot([]));
    using question = store.beginQuestion();
    question.admit({ pod: aNodePod(), identity: issued() });

    await clock.advance(9_999);
    store.apply(said);
    const before = store.owner(address).kind;
    await clock.advance(1);
    store.apply(said);

    expect(before).toBe("owner");
    expect(store.owner(address)).toEqual({ kind: "nobody" });
    expect(store.credentials(identity)).toBeUndefined();
  },
);

test("a pod that an answer brought stays while no server is heard", async () => {
  const { store, clock } = aStore(aSnapshot([]));
  using question = store.beginQuestion();
  question.admit({ pod: aNodePod(), identity: issued() });

  await clock.advance(hourMs - 1);

  expect(store.owner(address).kind).toBe("owner");
  expect(store.credentials(identity)).toEqual(someCredentials());
});

test.each([
  ["a change", someChanges({ pods: [aNodePod()] })],
  ["a snapshot", aSnapshot([aNodePod()])],
] as const)("a pod that an answer brought stays once %s has told of it", async (_, said) => {
  const { store, clock } = aStore(aSnapshot([]));
  using question = store.beginQuestion();
  question.admit({ pod: aNodePod() });

  store.apply(said);
  await clock.advance(hourMs);
  store.apply(aHeartbeat());

  expect(store.owner(address).kind).toBe("owner");
});
