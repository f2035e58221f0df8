import { expect, test } from "bun:test";
import { Registry } from "prom-client";
import { followCluster } from "../../../src/cli/follow-cluster.ts";
import type { Namespace, Pod, PodUid } from "../../../src/domain/pod.ts";
import { systemClock } from "../../../src/runtime/clock.ts";
import { runAll } from "../../../src/runtime/tasks.ts";
import { createServerMetrics } from "../../../src/server/metrics.ts";
import { podList, rawPod } from "../../fakes/api-objects.ts";
import { type FakeApiServer, startFakeApiServer } from "../../fakes/api-server.ts";
import { connectionTo } from "../../fakes/pod-follower.ts";
import { createRecordingLogger } from "../../fakes/recording-logger.ts";
import { createRecordingSink } from "../../fakes/resource-sink.ts";
import { metricOf } from "../../fixtures/metrics.ts";

const namespaces = {
  kind: "NamespaceList",
  metadata: { resourceVersion: "7" },
  items: [
    {
      metadata: { name: "default", resourceVersion: "3", annotations: { "iam.amazonaws.com/permitted": "reader" } },
    },
  ],
};

/** The two lists that a server begins with, in whatever order they come. */
async function twoLists(api: FakeApiServer) {
  const [one, other] = [await api.next(), await api.next()];
  return one.path.endsWith("/pods") ? { pods: one, namespaces: other } : { pods: other, namespaces: one };
}

function start(api: FakeApiServer) {
  const pods = createRecordingSink<Pod, PodUid>(({ uid }) => uid);
  const seen = createRecordingSink<Namespace, string>(({ name }) => name);
  const registry = new Registry();
  const stopping = new AbortController();
  const cluster = followCluster(
    { pods, namespaces: seen },
    {
      connection: connectionTo(api.baseUrl),
      clock: systemClock,
      random: () => 0.5,
      logger: createRecordingLogger(),
      metrics: createServerMetrics(registry),
    },
  );
  let isSynced = false;
  void cluster.synced.then(() => {
    isSynced = true;
  });
  const running = runAll(stopping.signal, cluster.tasks);
  return {
    ...{ pods, namespaces: seen, cluster, registry },
    isSynced: () => isSynced,
    async [Symbol.asyncDispose]() {
      stopping.abort(new Error("stopped"));
      await running;
    },
  };
}

test("the cluster is in sync once pods and namespaces are both there", async () => {
  await using api = await startFakeApiServer();
  await using server = start(api);
  const lists = await twoLists(api);

  lists.pods.answer(200, podList([rawPod({ name: "a" }), rawPod({ name: "b" })], "10"));
  await server.pods.called(1);
  const before = server.isSynced();
  lists.namespaces.answer(200, namespaces);
  await server.cluster.synced;

  expect(before).toBeFalse();
  expect([...server.pods.items.values()].map(({ name }) => name)).toEqual(["a", "b"]);
  expect(server.namespaces.items.get("default")?.permitted).toBe("reader");
});

test("lists, the moment the API server was heard and what can't be read are metrics by resource", async () => {
  await using api = await startFakeApiServer();
  await using server = start(api);
  const lists = await twoLists(api);

  lists.pods.answer(200, podList([rawPod({ name: "a" }), { metadata: {} }], "10"));
  lists.namespaces.answer(200, namespaces);
  await server.cluster.synced;

  const metric = (name: string, resource: string) => metricOf(server.registry, name, { resource });
  expect([await metric("kiam_k8s_lists_total", "pods"), await metric("kiam_k8s_lists_total", "namespaces")]).toEqual([
    1, 1,
  ]);
  expect(await metric("kiam_k8s_unreadable_objects_total", "pods")).toBe(1);
  expect(await metric("kiam_k8s_watch_heard_timestamp_seconds", "pods")).toBeGreaterThan(Date.now() / 1_000 - 60);
});
