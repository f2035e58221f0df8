import { expect, test } from "bun:test";
import { createToCluster } from "../../../../src/cli/dev/cluster.ts";

type Raw = Record<string, unknown>;

const startedAtMs = Date.UTC(2026, 0, 1);

function pod(name: string, rest: Raw = {}): Raw {
  return { kind: "Pod", metadata: { name }, ...rest };
}

function clusterOf(pods: readonly Raw[], namespaces: readonly Raw[] = [], leftOut: readonly string[] = []) {
  return createToCluster(startedAtMs)({ pods, namespaces, leftOut });
}

test("a pod gets what a scheduler, a kubelet and an API server would have written", () => {
  const { pods } = clusterOf([
    pod("web", { metadata: { name: "web", namespace: "shop", annotations: { "iam.amazonaws.com/role": "reader" } } }),
  ]);

  expect(pods).toMatchObject([
    {
      address: "10.0.0.1",
      pod: {
        ...{ name: "web", namespace: "shop", nodeName: "dev", addresses: ["10.0.0.1"], startedAtMs, isMirror: false },
        request: { role: "reader" },
      },
    },
  ]);
});

test("a pod that names no namespace is in default", () => {
  const { pods } = clusterOf([pod("web")]);

  expect(pods[0]?.pod.namespace).toBe("default");
});

test("what a manifest says of node and address counts for nothing", () => {
  const status = { podIP: "10.9.9.9", podIPs: [{ ip: "10.9.9.9" }], hostIP: "10.9.9.8" };

  const { pods } = clusterOf([pod("web", { spec: { nodeName: "elsewhere" }, status })]);

  expect(pods[0]?.pod).toMatchObject({ nodeName: "dev", addresses: ["10.0.0.1"], hostIp: "127.0.0.1" });
});

test("addresses differ, and stay a pod's own from one reading to the next", () => {
  const toCluster = createToCluster(startedAtMs);
  const addresses = (...names: readonly string[]) =>
    toCluster({ pods: names.map((name) => pod(name)), namespaces: [], leftOut: [] }).pods.map(({ address }) => address);

  const first = addresses("a", "b");
  const without = addresses("b");
  const again = addresses("c", "b", "a");

  expect([first, without, again].map((texts) => texts.join())).toEqual([
    "10.0.0.1,10.0.0.2",
    "10.0.0.2",
    "10.0.0.3,10.0.0.2,10.0.0.1",
  ]);
});

test("pods of one name in two namespaces are two pods", () => {
  const { pods } = clusterOf([
    pod("web", { metadata: { name: "web", namespace: "a" } }),
    pod("web", { metadata: { name: "web", namespace: "b" } }),
  ]);

  expect(new Set(pods.map(({ pod: { uid } }) => uid)).size).toBe(2);
});

test("a pod whose text changes is the same pod in another version", () => {
  const toCluster = createToCluster(startedAtMs);
  const read = (role: string) =>
    toCluster({
      pods: [pod("web", { metadata: { name: "web", annotations: { "iam.amazonaws.com/role": role } } })],
      ...{ namespaces: [], leftOut: [] },
    }).pods[0]?.pod;

  const before = read("old");
  const same = read("old");
  const after = read("new");

  expect(same?.resourceVersion).toBe(before?.resourceVersion ?? "");
  expect(after?.resourceVersion).not.toBe(before?.resourceVersion ?? "");
  expect(String(after?.uid)).toBe(String(before?.uid));
});

test("a namespace's permission is taken over", () => {
  const annotations = { "iam.amazonaws.com/permitted": "shop-.*" };

  const { namespaces } = clusterOf([], [{ kind: "Namespace", metadata: { name: "shop", annotations } }]);

  expect(namespaces).toMatchObject([{ name: "shop", permitted: "shop-.*" }]);
});

test.each<[string, readonly Raw[], readonly Raw[], readonly string[], string]>([
  ["another kind", [], [], ["Service/db"], "Service/db is neither a Pod nor a Namespace"],
  [
    "a pod that is over",
    [pod("job", { status: { phase: "Succeeded" } })],
    [],
    [],
    "Pod default/job: not running any more",
  ],
  [
    "a pod on the host's network",
    [pod("proxy", { spec: { hostNetwork: true } })],
    [],
    [],
    "Pod default/proxy: on the host's network, where no pod has a role",
  ],
  ["a namespace without a name", [], [{ metadata: { name: "" } }], [], "Namespace : can't be read"],
])("%s is left out, and said to be", (_, pods, namespaces, leftOut, line) => {
  const cluster = clusterOf(pods, namespaces, leftOut);

  expect(cluster).toEqual({ pods: [], namespaces: [], leftOut: [line] });
});

test("of two of one name the first is used", () => {
  const named = (role: string) =>
    pod("web", { metadata: { name: "web", annotations: { "iam.amazonaws.com/role": role } } });
  const permitting = (permitted: string) => ({
    metadata: { name: "shop", annotations: { "iam.amazonaws.com/permitted": permitted } },
  });

  const cluster = clusterOf([named("first"), named("second")], [permitting("a"), permitting("b")]);

  expect(cluster.pods.map(({ pod: { request } }) => request?.role)).toEqual(["first"]);
  expect(cluster.namespaces.map(({ permitted }) => permitted)).toEqual(["a"]);
  expect(cluster.leftOut).toEqual([
    "Pod default/web: named twice, the first is used",
    "Namespace shop: named twice, the first is used",
  ]);
});

test("the addresses go on past a byte", () => {
  const { pods } = clusterOf(Array.from({ length: 300 }, (_, index) => pod(`pod-${index}`)));

  expect([pods[254]?.address, pods[255]?.address, pods[299]?.address].join()).toBe("10.0.0.255,10.0.1.0,10.0.1.44");
});
