import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Pod, PodUid } from "../../../../src/domain/pod.ts";
import { createPodStore, type PodChange } from "../../../../src/server/workload/pods.ts";
import { anAddress, aPod, aUid } from "../../../fakes/pods.ts";

const uids = ["u1", "u2", "u3", "u4"];
const addresses = ["10.0.0.1", "10.0.0.2", "fd00::1"];
const nodes = ["", "node-a", "node-b"];
const namespaces = ["default", "team"];
const hostIps = ["", "192.168.0.1", "192.168.0.2"];

const anyPod: fc.Arbitrary<Pod> = fc
  .record({
    uid: fc.constantFrom(...uids),
    addresses: fc.uniqueArray(fc.constantFrom(...addresses)),
    nodeName: fc.constantFrom(...nodes),
    namespace: fc.constantFrom(...namespaces),
    hostIp: fc.constantFrom(...hostIps),
    resourceVersion: fc.integer({ min: 1, max: 120 }).map(String),
  })
  .map(aPod);

type Step =
  | { readonly kind: "upsert"; readonly pod: Pod }
  | { readonly kind: "remove"; readonly uid: PodUid; readonly version: number | undefined }
  | { readonly kind: "replaceAll"; readonly pods: readonly Pod[] };

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("upsert"), pod: anyPod }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("remove"),
      uid: fc.constantFrom(...uids).map(aUid),
      version: fc.option(fc.integer({ min: 1, max: 120 }), { nil: undefined }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("replaceAll"), pods: fc.uniqueArray(anyPod, { selector: (p) => p.uid }) }),
  },
);

/** The store as a list that is searched from end to end. */
interface Model {
  readonly pods: readonly Pod[];
  readonly removed: ReadonlyMap<PodUid, number>;
}

const isSame = (held: Pod, pod: Pod): boolean => held.uid === pod.uid && held.resourceVersion === pod.resourceVersion;

function modelAfter({ pods, removed }: Model, step: Step): Model {
  switch (step.kind) {
    case "replaceAll":
      // One version has one content: what a list says of a version that is held is known already.
      return { pods: step.pods.map((pod) => pods.find((held) => isSame(held, pod)) ?? pod), removed: new Map() };
    case "remove": {
      const pod = pods.find(({ uid }) => uid === step.uid);
      const version = step.version ?? Number(pod?.resourceVersion);
      return pod === undefined || version < Number(pod.resourceVersion)
        ? { pods, removed }
        : { pods: pods.filter(({ uid }) => uid !== step.uid), removed: new Map([...removed, [step.uid, version]]) };
    }
    case "upsert": {
      const { uid, resourceVersion } = step.pod;
      const held = pods.find((pod) => pod.uid === uid);
      const known = held === undefined ? removed.get(uid) : Number(held.resourceVersion);
      return known !== undefined && Number(resourceVersion) <= known
        ? { pods, removed }
        : { pods: [...pods.filter((pod) => pod.uid !== uid), step.pod], removed };
    }
    default:
      return step satisfies never;
  }
}

const byUid = (pods: readonly Pod[]): readonly Pod[] => [...pods].sort((a, b) => a.uid.localeCompare(b.uid));

/** A change of nothing but the version is held without a word. */
const withoutVersion = (pods: readonly Pod[]) => byUid(pods).map((pod) => ({ ...pod, resourceVersion: "" }));

test("after any history every index agrees with a search, and the changes told add up to what is held", () => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 30 }), (steps) => {
      const store = createPodStore();
      const told = new Map<PodUid, Pod>();
      store.changes.add(({ before, after }: PodChange) => {
        if (before !== undefined) {
          expect(withoutVersion([before])).toEqual(withoutVersion([told.get(before.uid) ?? before]));
          expect(told.delete(before.uid)).toBeTrue();
        }
        if (after !== undefined) {
          expect(told.has(after.uid)).toBeFalse();
          told.set(after.uid, after);
        }
      });
      let model: Model = { pods: [], removed: new Map() };

      for (const step of steps) {
        if (step.kind === "upsert") {
          store.upsert(step.pod);
        } else if (step.kind === "remove") {
          store.remove(step.uid, step.version === undefined ? undefined : String(step.version));
        } else {
          store.replaceAll(step.pods);
        }
        model = modelAfter(model, step);
        expectAgreement(store, model.pods);
        expect(withoutVersion([...told.values()])).toEqual(withoutVersion(model.pods));
      }
    }),
    { numRuns: 300 },
  );
});

function expectAgreement(store: ReturnType<typeof createPodStore>, pods: readonly Pod[]): void {
  expect(store.size).toBe(pods.length);
  for (const uid of uids.map(aUid)) {
    expect(store.get(uid)).toEqual(pods.find((pod) => pod.uid === uid));
  }
  for (const address of addresses.map(anAddress)) {
    expect(byUid(store.claimants(address))).toEqual(byUid(pods.filter((pod) => pod.addresses.includes(address))));
  }
  for (const nodeName of nodes) {
    const found = pods.filter((pod) => nodeName !== "" && pod.nodeName === nodeName);
    expect(byUid(store.onNode(nodeName))).toEqual(byUid(found));
  }
  for (const namespace of namespaces) {
    expect(byUid(store.inNamespace(namespace))).toEqual(byUid(pods.filter((pod) => pod.namespace === namespace)));
  }
  for (const hostIp of hostIps) {
    const reporting = pods.filter((pod) => hostIp !== "" && pod.hostIp === hostIp && pod.nodeName !== "");
    const names = [...new Set(reporting.map((pod) => pod.nodeName))];
    expect(store.nodeOfHostIp(hostIp)).toBe(names.length === 1 ? names[0] : undefined);
  }
}
