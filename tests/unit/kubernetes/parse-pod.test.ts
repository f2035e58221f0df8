import { describe, expect, test } from "bun:test";
import type { Pod } from "../../../src/domain/pod.ts";
import { parsePod } from "../../../src/kubernetes/parse-pod.ts";
import { rawPod } from "../../fakes/api-objects.ts";

function live(raw: unknown): Pod {
  const observed = parsePod(raw);
  if (observed.kind !== "live") {
    throw new Error(`${observed.kind}, not live`);
  }
  return observed.item;
}

test("a running pod is read with all that is kept of it, and nothing else", () => {
  const annotations = {
    "iam.amazonaws.com/role": "team/reader",
    "iam.amazonaws.com/session-name": "job",
    "iam.amazonaws.com/external-id": "secret",
    "other/annotation": "x",
  };

  const observed = parsePod(rawPod({ metadata: { annotations, generation: 3 } }));

  expect(observed).toEqual({
    kind: "live",
    item: {
      uid: "uid-reader",
      name: "reader",
      namespace: "default",
      nodeName: "node-a",
      hostIp: "192.168.0.1",
      addresses: ["10.0.0.1"],
      startedAtMs: Date.UTC(2026, 0, 1, 0, 0, 5),
      isMirror: false,
      phase: "Running",
      generation: 3,
      request: { source: "pod-annotation", role: "team/reader", sessionName: "job", externalId: "secret" },
      resourceVersion: "10",
    },
  } as never);
});

test("a pod that is over is gone, by its uid", () => {
  const observed = parsePod(rawPod({ status: { phase: "Succeeded" } }));

  expect(observed).toEqual({ kind: "gone", id: "uid-reader" } as never);
});

test.each(["uid", "name", "namespace"])("a pod without %s can't be read", (field) => {
  const observed = parsePod(rawPod({ metadata: { [field]: undefined } }));

  expect(observed.kind).toBe("unreadable");
});

test.each([[undefined], [null], [7], ["pod"], [[]], [{}], [{ metadata: null }]])(
  "%p is no pod, and no error",
  (raw) => {
    expect(parsePod(raw).kind).toBe("unreadable");
  },
);

test("odd fields read as absent", () => {
  const pod = live({
    metadata: { uid: "u", name: "n", namespace: "s", annotations: [], ownerReferences: "x", resourceVersion: 7 },
    spec: { nodeName: 5, hostNetwork: "yes", containers: "none" },
    status: { phase: [], podIPs: "10.0.0.1", podIP: {}, startTime: "noon", hostIP: null, containerStatuses: [null] },
  });

  expect(pod).toEqual({
    uid: "u",
    name: "n",
    namespace: "s",
    nodeName: "",
    hostIp: "",
    addresses: [],
    startedAtMs: 0,
    isMirror: false,
    phase: "",
    generation: 0,
    resourceVersion: "",
  } as never);
});

describe("addresses", () => {
  test("are all of podIPs, in canonical text, each once", () => {
    const podIPs = [{ ip: "10.0.0.1" }, { ip: "FD00:0:0::1" }, { ip: "fd00::1" }, { ip: "::ffff:10.0.0.1" }];

    expect(live(rawPod({ status: { podIPs } })).addresses as readonly string[]).toEqual(["10.0.0.1", "fd00::1"]);
  });

  test("are podIP where there is no list", () => {
    const pod = live(rawPod({ status: { podIPs: undefined, podIP: "10.0.0.9" } }));

    expect(pod.addresses as readonly string[]).toEqual(["10.0.0.9"]);
  });

  test("leave out what is no address", () => {
    const podIPs = [{ ip: "" }, { ip: "host" }, {}, null, { ip: "10.0.0.2" }];

    expect(live(rawPod({ status: { podIPs } })).addresses as readonly string[]).toEqual(["10.0.0.2"]);
  });

  test("of a pod on the host's network are none: they are the node's", () => {
    expect(live(rawPod({ spec: { hostNetwork: true } })).addresses).toEqual([]);
  });

  test("are none before the sandbox has started, while the pod is known already", () => {
    const pod = live(rawPod({ status: { phase: "Pending", podIP: undefined, podIPs: undefined } }));

    expect([pod.nodeName, pod.addresses.length]).toEqual(["node-a", 0]);
  });
});

test("a pod that no kubelet has started counts from its creation", () => {
  const pod = live(rawPod({ status: { startTime: undefined } }));

  expect(pod.startedAtMs).toBe(Date.UTC(2026, 0, 1));
});

describe("what a pod asks for", () => {
  const asked = (annotations: unknown) => live(rawPod({ metadata: { annotations } })).request;

  test.each([undefined, {}, { "iam.amazonaws.com/role": "" }, { "iam.amazonaws.com/external-id": "x" }])(
    "is nothing where the annotations are %p",
    (annotations) => {
      expect(asked(annotations)).toBeUndefined();
    },
  );

  test("has no session name and no external id where they are empty", () => {
    const annotations = {
      "iam.amazonaws.com/role": "reader",
      "iam.amazonaws.com/session-name": "",
      "iam.amazonaws.com/external-id": "",
    };

    expect(asked(annotations)).toEqual({ source: "pod-annotation", role: "reader" });
  });

  test("is kept as written, spaces included", () => {
    expect(asked({ "iam.amazonaws.com/role": " /reader " })?.role).toBe(" /reader ");
  });

  test("is cut beyond any length that AWS takes", () => {
    const request = asked({
      "iam.amazonaws.com/role": "r".repeat(200_000),
      "iam.amazonaws.com/external-id": "€".repeat(200_000),
    });

    expect([request?.role.length, request?.externalId?.length]).toEqual([2050, 2050]);
  });
});

describe("a mirror pod", () => {
  test("is known by its annotation, even an empty one", () => {
    const annotations = { "kubernetes.io/config.mirror": "" };

    expect(live(rawPod({ metadata: { annotations } })).isMirror).toBe(true);
  });

  test("is known by the node that owns it", () => {
    const ownerReferences = [
      { apiVersion: "apps/v1", kind: "ReplicaSet" },
      { apiVersion: "v1", kind: "Node", name: "node-a" },
    ];

    expect(live(rawPod({ metadata: { ownerReferences } })).isMirror).toBe(true);
  });

  test("is none that a Node of another API group owns", () => {
    const ownerReferences = [{ apiVersion: "longhorn.io/v1beta2", kind: "Node", name: "node-a" }];

    expect(live(rawPod({ metadata: { ownerReferences } })).isMirror).toBe(false);
  });
});
