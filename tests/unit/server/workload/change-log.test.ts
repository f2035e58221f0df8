import { expect, test } from "bun:test";
import { logChanges } from "../../../../src/server/workload/change-log.ts";
import { createNamespaceStore } from "../../../../src/server/workload/namespaces.ts";
import { createPodStore } from "../../../../src/server/workload/pods.ts";
import { aNamespace, aPod, aUid } from "../../../fakes/pods.ts";
import { createRecordingLogger } from "../../../fakes/recording-logger.ts";

function setUp() {
  const [pods, namespaces, logger] = [createPodStore(), createNamespaceStore(), createRecordingLogger("debug")];
  const following = logChanges({ pods, namespaces, logger });
  return { pods, namespaces, logger, following };
}

test("pods are followed at debug, with the Go release's keys and without the external id", () => {
  const { pods, logger } = setUp();
  const request = { source: "pod-annotation", role: "reader", externalId: "an-external-id" } as const;

  pods.upsert(aPod({ request, phase: "Pending", addresses: [], resourceVersion: "1", generation: 2 }));
  pods.upsert(aPod({ request, resourceVersion: "2", generation: 2 }));
  pods.remove(aUid("uid-1"));

  const fields = {
    "pod.name": "reader-1",
    "pod.namespace": "default",
    "pod.iam.role": "reader",
    "generation.metadata": 2,
  };
  const running = { ...fields, "pod.status.ip": "10.0.0.1", "pod.status.phase": "Running", "resource.version": "2" };
  expect(logger.lines).toEqual([
    {
      level: "debug",
      message: "added pod",
      fields: { ...fields, "pod.status.phase": "Pending", "resource.version": "1" },
    },
    { level: "debug", message: "updated pod", fields: running },
    { level: "debug", message: "deleted pod", fields: running },
  ]);
});

test("namespaces are told with what they permit", () => {
  const { namespaces, logger } = setUp();

  namespaces.upsert(aNamespace({ name: "team", permitted: "team-.*" }));

  expect(logger.lines).toEqual([
    { level: "debug", message: "updated namespace", fields: { namespace: "team", "namespace.permitted": "team-.*" } },
  ]);
});

test("once disposed it is silent", () => {
  const { pods, namespaces, logger, following } = setUp();

  following[Symbol.dispose]();
  pods.upsert(aPod());
  namespaces.upsert(aNamespace());

  expect(logger.lines).toEqual([]);
});
