import { Registry } from "prom-client";
import { clientTimings } from "../../../src/cli/client-timings.ts";
import { serveAgents } from "../../../src/cli/serve-agents.ts";
import { createServerParts } from "../../../src/cli/server-parts.ts";
import { createTlsMetrics } from "../../../src/cli/tls-metrics.ts";
import type { AssumeRole } from "../../../src/domain/issue.ts";
import type { PostPodEvent } from "../../../src/domain/pod-event.ts";
import type { RoleArn } from "../../../src/domain/role-arn.ts";
import type { ReviewToken } from "../../../src/domain/token-review.ts";
import type { ConnectionLimits } from "../../../src/rpc/connection-life.ts";
import type { RpcServer } from "../../../src/rpc/listen.ts";
import type { TlsIdentity } from "../../../src/rpc/tls-options.ts";
import { type Clock, systemClock } from "../../../src/runtime/clock.ts";
import { runAll } from "../../../src/runtime/tasks.ts";
import { createServerMetrics } from "../../../src/server/metrics.ts";
import { createRecordingLogger, type LogLine } from "../../fakes/recording-logger.ts";
import { createRelay, type Relay } from "../../fakes/relay.ts";
import { createFakeSts, type FakeSts } from "../../fakes/sts.ts";
import { metricOf } from "../../fixtures/metrics.ts";
import { createTlsDirectory, type TlsDirectory } from "../../unit/tls/tls-directory.ts";
import { sourceOf } from "./tls-source.ts";
import type { World } from "./world.ts";

export interface ReplicaOptions {
  readonly tls: TlsIdentity;
  readonly agentIdentity?: "prefer" | "required";
  readonly reviewToken?: ReviewToken;
  readonly postPodEvent?: PostPodEvent;
  readonly clock?: Clock;
  /** Asks another STS than the fake one. */
  readonly assumeRole?: AssumeRole;
  /** By which the TLS files are read again. */
  readonly tlsClock?: Clock;
  readonly ownRoles?: readonly RoleArn[];
  readonly refreshAheadMs?: number;
  /** How long connections live; for ever unless told. */
  readonly limits?: ConnectionLimits;
}

/** One server, as its composition root makes it, on the loopback behind a network of its own. */
export interface TestReplica extends AsyncDisposable {
  /** Where agents reach it. */
  readonly address: string;
  readonly port: number;
  readonly network: Relay;
  /** Of this replica alone; answers each call at once unless the test says otherwise. */
  readonly sts: FakeSts;
  readonly files: TlsDirectory;
  readonly lines: readonly LogLine[];
  metric(name: string, labels?: Readonly<Record<string, string>>): Promise<number>;
  /** The machine dies: no goodbye, no connection more. */
  kill(): Promise<void>;
  /** Its watch of the API server brings nothing more. */
  fallBehind(): void;
  /** As by SIGTERM; resolves when it has stopped. */
  stop(): Promise<void>;
}

export const roleBaseArn = "arn:aws:iam::123456789012:role/";

const hourMs = 3_600_000;

/** @param place where agents are to reach it; port 0 takes a free one */
export async function startReplica(
  place: { readonly address: string; readonly port: number },
  world: World,
  options: ReplicaOptions,
): Promise<TestReplica> {
  const { clock = systemClock } = options;
  await using resources = new AsyncDisposableStack();
  const logger = createRecordingLogger();
  const registry = new Registry();
  const tlsMetrics = createTlsMetrics("server", registry);
  const files = resources.use(await createTlsDirectory(options.tls));
  const tls = await sourceOf(files.files, "server", {
    clock: options.tlsClock ?? systemClock,
    logger,
    metrics: tlsMetrics,
  });
  const sts = createFakeSts(clock);
  sts.onCall((call) => call.issue());
  const parts = resources.use(
    createServerParts(
      {
        bind: { host: "127.0.0.1", port: 0 },
        connections: { ...clientTimings, limits: options.limits ?? { idleMs: 0, ageMs: 0, graceMs: 0 } },
        agentIdentity: options.agentIdentity ?? "prefer",
        agentServiceAccounts: [{ namespace: "kiam", name: "kiam-agent" }],
        roleBaseArn,
        patternsMatch: "whole",
        sessionName: "kiam",
        refreshAheadMs: options.refreshAheadMs ?? (25 * hourMs) / 60,
        fetchers: 8,
      },
      {
        assumeRole: options.assumeRole ?? sts.assumeRole,
        ownRoles: () => options.ownRoles ?? [],
        reviewToken: options.reviewToken ?? (async () => ({ kind: "unavailable", reason: "there is no API server" })),
        postPodEvent: options.postPodEvent ?? (async ({ count }) => ({ kind: "posted", count })),
        random: Math.random,
        metrics: createServerMetrics(registry),
        ...{ clock, logger, registry, tlsMetrics },
      },
    ),
  );
  const following = resources.use(world.follow(parts));

  const listening = Promise.withResolvers<RpcServer>();
  const listen: typeof parts.listen = async (material) => {
    const server = await parts.listen(material);
    listening.resolve(server);
    return server;
  };
  const serving = serveAgents({ listen }, { tls, logger, beforeServing: [] });
  const stopping = new AbortController();
  const running = runAll(stopping.signal, [parts.run, serving.run, tls.watch]);
  running.catch(listening.reject);
  const stop = async () => {
    stopping.abort(new Error("stopped by the test"));
    await running;
  };
  resources.defer(stop);

  const { port: ownPort } = await listening.promise;
  const network = await createRelay({ ...place, target: () => ({ host: "127.0.0.1", port: ownPort }) });
  resources.use(network); // Cut before the server stops, so that a test's end never waits for streams.
  const undo = resources.move();
  return {
    address: place.address,
    port: network.port,
    ...{ network, sts, files, lines: logger.lines },
    metric: (name, labels) => metricOf(registry, name, labels),
    kill: () => network.cut(),
    fallBehind: () => following[Symbol.dispose](),
    stop,
    [Symbol.asyncDispose]: () => undo.disposeAsync(),
  };
}
