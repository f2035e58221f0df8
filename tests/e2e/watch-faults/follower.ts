import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Registry } from "prom-client";
import { followCluster } from "../../../src/cli/follow-cluster.ts";
import { inClusterConnection } from "../../../src/kubernetes/in-cluster.ts";
import type { Clock } from "../../../src/runtime/clock.ts";
import { runAll } from "../../../src/runtime/tasks.ts";
import { createServerMetrics } from "../../../src/server/metrics.ts";
import { createNamespaceStore } from "../../../src/server/workload/namespaces.ts";
import { createPodStore } from "../../../src/server/workload/pods.ts";
import { createRecordingLogger } from "../../fakes/recording-logger.ts";
import { metricOf } from "../../fixtures/metrics.ts";
import { type OrderedSinks, watchOrder } from "./order.ts";
import type { Stores } from "./picture.ts";

/** A server's watch of the cluster, with all that it fills: the real code, as a pod of the cluster would run it. */
export interface Follower extends Stores, AsyncDisposable {
  readonly sinks: OrderedSinks;
  readonly synced: Promise<void>;
  /** The token that it shows from now on. */
  writeToken(token: string): Promise<void>;
  /** How long ago the API server was last heard, as the metric tells it, of the resource that was silent for longer. */
  ageMs(): Promise<number>;
  /** What it wrote down, a line each. */
  log(): readonly string[];
}

export interface FollowerOptions {
  /** Of the API server, on 127.0.0.1. */
  readonly port: number;
  /** PEM. */
  readonly ca: string;
  readonly token: string;
  /** For its service account. */
  readonly directory: string;
  readonly clock: Clock;
  readonly random: () => number;
}

export async function startFollower(options: FollowerOptions): Promise<Follower> {
  const { port, ca, directory, clock, random } = options;
  const writeToken = (token: string) => writeFile(join(directory, "token"), token);
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, "ca.crt"), ca);
  await writeToken(options.token);
  const connected = await inClusterConnection({
    host: "127.0.0.1",
    port: String(port),
    egress: { proxyFor: () => undefined },
    directory,
  });
  if (connected.kind === "unusable") {
    throw new Error(connected.problem);
  }

  const stores: Stores = { pods: createPodStore(), namespaces: createNamespaceStore() };
  const sinks = watchOrder(stores);
  const logger = createRecordingLogger("debug");
  const registry = new Registry();
  const metrics = createServerMetrics(registry);
  const stop = new AbortController();
  const cluster = followCluster(sinks, { connection: connected.connection, clock, random, logger, metrics });
  const running = runAll(stop.signal, cluster.tasks);

  return {
    ...stores,
    sinks,
    synced: cluster.synced,
    writeToken,
    async ageMs() {
      const heard = await Promise.all(
        ["pods", "namespaces"].map((resource) =>
          metricOf(registry, "kiam_k8s_watch_heard_timestamp_seconds", { resource }),
        ),
      );
      return clock.now() - Math.min(...heard) * 1000;
    },
    log: () => logger.lines.map(({ level, message, fields }) => `${level} ${message} ${JSON.stringify(fields ?? {})}`),
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("the test is over"));
      await running;
    },
  };
}
