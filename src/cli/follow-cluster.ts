import type { ResourceSink } from "../domain/observed.ts";
import type { Namespace, Pod, PodUid } from "../domain/pod.ts";
import type { ApiConnection } from "../kubernetes/connection.ts";
import { followResource } from "../kubernetes/list-watch.ts";
import { namespaceResource } from "../kubernetes/parse-namespace.ts";
import { podResource } from "../kubernetes/parse-pod.ts";
import type { ApiResource } from "../kubernetes/resource.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Task } from "../runtime/tasks.ts";
import type { ServerMetrics } from "../server/metrics.ts";

export interface ClusterSinks {
  readonly pods: ResourceSink<Pod, PodUid>;
  readonly namespaces: ResourceSink<Namespace, string>;
}

export interface ClusterDeps {
  readonly connection: ApiConnection;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics: ServerMetrics;
}

export interface Cluster {
  /** Resolves once pods and namespaces are both there. */
  readonly synced: Promise<void>;
  readonly tasks: readonly Task[];
}

/** Keeps the sinks at what the API server says. */
export function followCluster(sinks: ClusterSinks, deps: ClusterDeps): Cluster {
  const pods = follow(podResource, sinks.pods, deps);
  const namespaces = follow(namespaceResource, sinks.namespaces, deps);
  return {
    synced: Promise.all([pods.synced, namespaces.synced]).then(() => undefined),
    tasks: [pods.run, namespaces.run],
  };
}

function follow<Item, Id>(resource: ApiResource<Item, Id>, sink: ResourceSink<Item, Id>, deps: ClusterDeps) {
  const { promise: synced, resolve } = Promise.withResolvers<void>();
  const { metrics } = deps;
  const labels = { resource: resource.name };
  const run: Task = (signal) =>
    followResource(
      {
        ...deps,
        resource,
        sink,
        hooks: {
          synced: resolve,
          listed: () => metrics.relists.inc(labels),
          heard: (atMs) => metrics.watchHeardSeconds.set(labels, atMs / 1000),
          unreadable: () => metrics.unreadableObjects.inc(labels),
        },
      },
      signal,
    );
  return { synced, run };
}
