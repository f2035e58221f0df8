import { expect, test } from "bun:test";
import { createPodStore, type PodChange } from "../../../../src/server/workload/pods.ts";
import { anAddress, aPod, aUid } from "../../../fakes/pods.ts";

const address = anAddress("10.0.0.1");
const request = { source: "pod-annotation", role: "reader" } as const;

function createHeardStore() {
  const store = createPodStore();
  const heard: PodChange[] = [];
  store.changes.add((change) => heard.push(change));
  return { store, heard };
}

test("a pod is found by uid, address, node, namespace and its host's address", () => {
  const { store, heard } = createHeardStore();
  const pod = aPod({ addresses: ["10.0.0.1", "fd00::1"], hostIp: "192.168.0.1" });

  store.upsert(pod);

  expect(store.get(pod.uid)).toBe(pod);
  expect(store.claimants(address)).toEqual([pod]);
  expect(store.claimants(anAddress("fd00::1"))).toEqual([pod]);
  expect(store.onNode("node-a")).toEqual([pod]);
  expect(store.inNamespace("default")).toEqual([pod]);
  expect(store.nodeOfHostIp("192.168.0.1")).toBe("node-a");
  expect(store.size).toBe(1);
  expect(heard).toEqual([{ after: pod }]);
});

test("a removed pod is found by nothing", () => {
  const { store, heard } = createHeardStore();
  const pod = aPod();
  store.upsert(pod);

  store.remove(pod.uid);
  store.remove(pod.uid);

  expect(store.get(pod.uid)).toBeUndefined();
  expect(store.claimants(address)).toEqual([]);
  expect(store.onNode("node-a")).toEqual([]);
  expect(store.inNamespace("default")).toEqual([]);
  expect(store.nodeOfHostIp(pod.hostIp)).toBeUndefined();
  expect(store.size).toBe(0);
  expect(heard).toEqual([{ after: pod }, { before: pod }]);
});

test("pods that are not scheduled are on no node, not on the one without name", () => {
  const { store } = createHeardStore();

  store.upsert(aPod({ nodeName: "", hostIp: "" }));

  expect(store.onNode("")).toEqual([]);
});

test("an annotation changed on a running pod is told", () => {
  const { store, heard } = createHeardStore();
  const before = aPod({ request, resourceVersion: "100" });
  const after = aPod({ request: { ...request, role: "writer" }, resourceVersion: "101" });
  store.upsert(before);

  store.upsert(after);

  expect(heard.slice(1)).toEqual([{ before, after }]);
  expect(store.get(before.uid)).toBe(after);
});

test("a newer version that says nothing new is held and not told", () => {
  const { store, heard } = createHeardStore();
  store.upsert(aPod({ request, resourceVersion: "100" }));

  store.upsert(aPod({ request: { ...request }, resourceVersion: "102" }));
  store.upsert(aPod({ request: { ...request, role: "stale" }, resourceVersion: "101" }));

  expect(heard.length).toBe(1);
  expect(store.get(aUid("uid-1"))?.resourceVersion).toBe("102");
});

test("an older event about a pod changes nothing", () => {
  const { store, heard } = createHeardStore();
  const newer = aPod({ resourceVersion: "1000", addresses: ["10.0.0.2"] });
  store.upsert(newer);

  store.upsert(aPod({ resourceVersion: "999", addresses: ["10.0.0.1"] }));

  expect(store.get(newer.uid)).toBe(newer);
  expect(store.claimants(address)).toEqual([]);
  expect(heard.length).toBe(1);
});

test("an event from before a pod's removal does not bring it back", () => {
  const { store, heard } = createHeardStore();
  store.upsert(aPod({ resourceVersion: "100" }));
  store.remove(aUid("uid-1"));

  store.upsert(aPod({ resourceVersion: "100" }));
  store.upsert(aPod({ resourceVersion: "99" }));

  expect(store.size).toBe(0);
  expect(store.claimants(address)).toEqual([]);
  expect(heard.length).toBe(2);
});

test("a pod that could not be read for a while comes back with a newer version", () => {
  const { store } = createHeardStore();
  store.upsert(aPod({ resourceVersion: "100" }));
  store.remove(aUid("uid-1"));

  store.upsert(aPod({ resourceVersion: "101" }));

  expect(store.claimants(address).map((pod) => pod.resourceVersion)).toEqual(["101"]);
});

test("late news of an end does not take a newer pod away, nor keep it away", () => {
  const { store, heard } = createHeardStore();
  const restarted = aPod({ resourceVersion: "102" });
  store.upsert(aPod({ resourceVersion: "99" }));
  store.remove(restarted.uid, "100");
  store.upsert(restarted);

  store.remove(restarted.uid, "100");
  store.upsert(restarted);
  store.remove(restarted.uid, "101");

  expect(store.claimants(address)).toEqual([restarted]);
  expect(heard.length).toBe(3);
});

test("news of an end says until when the pod was: what is not newer than that does not bring it back", () => {
  const { store } = createHeardStore();
  store.upsert(aPod({ resourceVersion: "98" }));
  store.remove(aUid("uid-1"), "100");

  store.upsert(aPod({ resourceVersion: "99" }));
  store.upsert(aPod({ resourceVersion: "100" }));

  expect(store.size).toBe(0);
});

test("a pod without a version, as people write it, is taken away by any news of its end", () => {
  const { store } = createHeardStore();
  store.upsert(aPod({ resourceVersion: "" }));

  store.remove(aUid("uid-1"), "100");

  expect(store.size).toBe(0);
});

test("an address given to another pod is the new one's once the old one is gone", () => {
  const { store } = createHeardStore();
  const old = aPod({ uid: "old", name: "old" });
  const fresh = aPod({ uid: "new", name: "new" });
  store.upsert(old);

  store.upsert(fresh);
  expect(store.claimants(address)).toEqual([old, fresh]);
  store.remove(old.uid);

  expect(store.claimants(address)).toEqual([fresh]);
});

test("two pods that exchange their addresses are found by the new ones", () => {
  const { store } = createHeardStore();
  store.upsert(aPod({ uid: "a", addresses: ["10.0.0.1"], resourceVersion: "1" }));
  store.upsert(aPod({ uid: "b", addresses: ["10.0.0.2"], resourceVersion: "1" }));

  store.upsert(aPod({ uid: "a", addresses: ["10.0.0.2"], resourceVersion: "2" }));
  store.upsert(aPod({ uid: "b", addresses: ["10.0.0.1"], resourceVersion: "2" }));

  expect(store.claimants(anAddress("10.0.0.1")).map((pod) => pod.uid)).toEqual([aUid("b")]);
  expect(store.claimants(anAddress("10.0.0.2")).map((pod) => pod.uid)).toEqual([aUid("a")]);
});

test("a pod recreated under its name is another pod: what comes late about the first does not touch it", () => {
  const { store } = createHeardStore();
  const second = aPod({ uid: "second", addresses: ["10.0.0.2"], resourceVersion: "200" });
  store.upsert(aPod({ uid: "first", resourceVersion: "100" }));
  store.remove(aUid("first"));
  store.upsert(second);

  store.upsert(aPod({ uid: "first", resourceVersion: "100" }));
  store.remove(aUid("first"));

  expect(store.inNamespace("default")).toEqual([second]);
});

test("a list replaces everything and tells only what is different, what is gone first", () => {
  const { store, heard } = createHeardStore();
  const gone = aPod({ uid: "gone" });
  const same = aPod({ uid: "same", request });
  const moved = aPod({ uid: "moved", addresses: [] });
  for (const pod of [gone, same, moved]) {
    store.upsert(pod);
  }
  heard.length = 0;
  const arrived = aPod({ uid: "moved", addresses: ["10.0.0.9"], resourceVersion: "150" });
  const added = aPod({ uid: "added" });

  store.replaceAll([{ ...same, request: { ...request } }, arrived, added]);

  expect(heard).toEqual([{ before: gone }, { before: moved, after: arrived }, { after: added }]);
  expect(store.size).toBe(3);
});

test("a list's word counts whatever the versions: a restored cluster counts from lower ones", () => {
  const { store } = createHeardStore();
  store.upsert(aPod({ uid: "held", resourceVersion: "5000", addresses: ["10.0.0.5"] }));
  store.upsert(aPod({ uid: "removed", resourceVersion: "5000" }));
  store.remove(aUid("removed"));

  store.replaceAll([
    aPod({ uid: "held", resourceVersion: "40", addresses: ["10.0.0.4"] }),
    aPod({ uid: "removed", resourceVersion: "41", addresses: ["10.0.0.6"] }),
  ]);
  store.upsert(aPod({ uid: "held", resourceVersion: "42", addresses: ["10.0.0.7"] }));

  expect(store.claimants(anAddress("10.0.0.7")).map((pod) => pod.uid)).toEqual([aUid("held")]);
  expect(store.claimants(anAddress("10.0.0.6")).map((pod) => pod.uid)).toEqual([aUid("removed")]);
});

test("who hears of a change finds the store already changed, in all that came with it", () => {
  const store = createPodStore();
  const seen: number[] = [];
  store.upsert(aPod({ uid: "gone" }));
  store.changes.add(() => seen.push(store.claimants(address).length));

  store.replaceAll([aPod({ uid: "one" }), aPod({ uid: "two" })]);

  expect(seen).toEqual([2, 2, 2]);
});

test("manifests without versions replace each other, and tell only what is different", () => {
  const { store, heard } = createHeardStore();
  store.upsert(aPod({ resourceVersion: "" }));

  store.upsert(aPod({ resourceVersion: "" }));
  store.upsert(aPod({ resourceVersion: "", request }));

  expect(heard.length).toBe(2);
  expect(store.get(aUid("uid-1"))?.request).toEqual(request);
});

test("how far the store has heard is told by whatever it hears, and begins anew with a list", () => {
  const store = createPodStore();
  const heard = [store.version];
  const note = () => heard.push(store.version);

  store.replaceAll([aPod({ uid: "a", resourceVersion: "100" })], "120");
  note();
  store.upsert(aPod({ uid: "b", resourceVersion: "130" }));
  note();
  store.remove(aUid("b"), "140");
  note();
  store.reached?.("150");
  note();
  store.upsert(aPod({ uid: "c", resourceVersion: "149" }));
  note();
  store.replaceAll([aPod({ uid: "a", resourceVersion: "30" })]);
  note();

  expect(heard).toEqual([0n, 120n, 130n, 140n, 150n, 150n, 30n]);
});

test("a pod's version is the one held, else that of its end, else that of the newest news", () => {
  const store = createPodStore();
  store.replaceAll([aPod({ uid: "a", resourceVersion: "100" }), aPod({ uid: "b", resourceVersion: "101" })], "120");
  store.remove(aUid("b"), "130");
  store.reached?.("150");

  const versions = ["a", "b", "never seen"].map((uid) => store.versionOf(aUid(uid)));

  expect(versions).toEqual([100n, 130n, 150n]);
});

test("a list that shows a pod to be of another version tells of it though nothing else differs, a watch does not", () => {
  const { store, heard } = createHeardStore();
  const [first, second, third] = ["1", "2", "3"].map((resourceVersion) => aPod({ resourceVersion }));
  store.replaceAll([first ?? aPod()]);

  store.upsert(second ?? aPod());
  const watched = heard.length;
  store.replaceAll([third ?? aPod()]);
  store.replaceAll([third ?? aPod()]);

  expect(watched).toBe(1);
  expect(heard.slice(1)).toEqual([{ before: second, after: third }] as PodChange[]);
});
