import { randomBytes } from "node:crypto";
import { Registry } from "prom-client";
import type { Callers } from "../../../src/agent/metadata/callers.ts";
import { createAgentMetrics } from "../../../src/agent/metrics.ts";
import { createAgentParts } from "../../../src/cli/agent-parts.ts";
import { type ClientTimings, clientTimings } from "../../../src/cli/client-timings.ts";
import { createTlsMetrics } from "../../../src/cli/tls-metrics.ts";
import type { TlsIdentity } from "../../../src/rpc/tls-options.ts";
import { type Clock, systemClock } from "../../../src/runtime/clock.ts";
import { runAll } from "../../../src/runtime/tasks.ts";
import { waitFor } from "../../e2e/lab/wait.ts";
import { createRecordingLogger, type LogLine } from "../../fakes/recording-logger.ts";
import { metricOf } from "../../fixtures/metrics.ts";
import { createTlsDirectory, type TlsDirectory } from "../../unit/tls/tls-directory.ts";
import { serverName } from "./pki.ts";
import { sourceOf } from "./tls-source.ts";

export interface AgentOptions {
  readonly tls: TlsIdentity;
  readonly nodeName?: string;
  readonly hostIp?: string;
  readonly token?: () => string | undefined;
  readonly callers?: Callers;
  readonly timings?: Partial<ClientTimings>;
  readonly imdsTokens?: "optional" | "required";
  readonly clock?: Clock;
  /** By which the TLS files are read again. */
  readonly tlsClock?: Clock;
}

/** One agent, as its composition root makes it, without a redirect: pods call it where it listens. */
export interface TestAgent extends AsyncDisposable {
  /** Of its metadata listener on 127.0.0.1. */
  readonly port: number;
  readonly files: TlsDirectory;
  readonly lines: readonly LogLine[];
  metric(name: string, labels?: Readonly<Record<string, string>>): Promise<number>;
  /** Resolves once a server's stream is open and in sync. */
  inSync(): Promise<void>;
  /** Resolves once none is. */
  outOfSync(): Promise<void>;
}

/** @param servers the addresses of the replicas that DNS names, and their port */
export async function startAgent(
  servers: { readonly addresses: () => readonly string[]; readonly port: number },
  options: AgentOptions,
): Promise<TestAgent> {
  const { clock = systemClock } = options;
  await using resources = new AsyncDisposableStack();
  const logger = createRecordingLogger();
  const registry = new Registry();
  const files = resources.use(await createTlsDirectory(options.tls));
  const tlsMetrics = createTlsMetrics("client", registry);
  const tls = await sourceOf(files.files, "client", {
    clock: options.tlsClock ?? systemClock,
    logger,
    metrics: tlsMetrics,
  });
  const parts = createAgentParts(
    {
      nodeName: options.nodeName ?? "node-a",
      hostIp: options.hostIp ?? "",
      serverAddress: { host: serverName, port: servers.port },
      timings: { ...clientTimings, ...options.timings },
      imdsTokens: options.imdsTokens ?? "optional",
    },
    {
      ...{ tls, clock, logger, registry, tlsMetrics, randomBytes },
      readToken: async () => options.token?.(),
      resolve: async () => servers.addresses(),
      random: Math.random,
      monotonicMs: () => performance.now(),
      metrics: createAgentMetrics(registry),
    },
  );
  const listener = await parts.serveMetadata({
    hosts: ["127.0.0.1"],
    port: 0,
    callers: options.callers ?? { kind: "socket" },
    readInstanceId: async () => "i-0123456789abcdef0",
  });
  resources.use(listener);
  const stopping = new AbortController();
  const running = runAll(stopping.signal, [parts.followFeed, tls.watch]);
  running.catch(() => undefined); // Told where it is awaited.
  resources.defer(async () => {
    stopping.abort(new Error("stopped by the test"));
    await running;
  });

  const metric = (name: string, labels?: Readonly<Record<string, string>>) => metricOf(registry, name, labels);
  const connected = (is: 0 | 1) => async () => ((await metric("kiam_agent_feed_connected")) === is ? true : undefined);
  const undo = resources.move();
  return {
    port: listener.port,
    ...{ files, lines: logger.lines, metric },
    inSync: async () => void (await waitFor("the agent to be in sync", connected(1))),
    outOfSync: async () => void (await waitFor("the agent to lose its server", connected(0))),
    [Symbol.asyncDispose]: () => undo.disposeAsync(),
  };
}
