import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { guardRedirects } from "../agent/intercept/guard.ts";
import { type Interception, interceptCalls } from "../agent/intercept/intercept.ts";
import { parseInterfacePattern } from "../agent/intercept/interface.ts";
import type { Forwarding } from "../agent/metadata/forward.ts";
import { readInstanceIdOf } from "../agent/metadata/instance-id.ts";
import { createInstanceMetadata, type InstanceMetadata } from "../agent/metadata/instance-metadata.ts";
import { loopbackOf } from "../agent/metadata/serve.ts";
import { awaitSuccession } from "../agent/metadata/succession.ts";
import { createWatchAgent } from "../agent/metadata/watch-agent.ts";
import { createAgentMetrics } from "../agent/metrics.ts";
import { aborted, deadline, neverAborted } from "../runtime/abort.ts";
import type { Logger } from "../runtime/logger.ts";
import { runAll, type Task } from "../runtime/tasks.ts";
import { type AgentFlags, nothingForwarded, redirectInterface } from "./agent-flags.ts";
import { createAgentParts } from "./agent-parts.ts";
import { clientTimingsOf } from "./client-timings.ts";
import type { CommandIo } from "./io.ts";
import { loggerOf } from "./logger.ts";
import { createRegistry, serveTelemetryAt } from "./process.ts";
import { resolveHost } from "./resolve-host.ts";
import { startTls } from "./start-tls.ts";
import { createTlsMetrics } from "./tls-metrics.ts";

/** Serves a node's pods until the signal is aborted. */
export async function runAgent(flags: AgentFlags, io: CommandIo): Promise<number> {
  const { clock, random, signal } = io;
  const logger = loggerOf(flags, io);
  const registry = createRegistry(io);
  const metrics = createAgentMetrics(registry);
  const tlsMetrics = createTlsMetrics("client", registry);
  const tlsFiles = { cert: flags.certPath, key: flags.keyPath, ca: flags.caPath };
  const started = await startTls(tlsFiles, "client", { clock, logger, metrics: tlsMetrics });
  if (started.kind === "problem") {
    io.stderr(`kiam agent: ${started.problem}\n`);
    return 2;
  }
  const { tls } = started;
  if (flags.allowIpQuery) {
    logger.warn("--allow-ip-query lets whoever can connect be any pod: for development only");
  }

  // A host's name need not be its node's: the servers find the node by the host's address where they are given one.
  const nodeName = flags.nodeName ?? (flags.hosts === undefined ? io.hostName : "");
  const hostIp = flags.hosts?.[0] ?? "";
  const parts = createAgentParts(
    {
      nodeName,
      hostIp,
      serverAddress: flags.serverAddress,
      timings: clientTimingsOf(flags),
      imdsTokens: flags.imdsTokens,
    },
    {
      tls,
      readToken: async () =>
        flags.identityTokenPath === undefined ? undefined : await readFile(flags.identityTokenPath, "utf8"),
      resolve: resolveHost,
      ...{ clock, random, logger, registry, metrics, tlsMetrics, randomBytes },
      monotonicMs: () => performance.now(),
    },
  );
  const metadata = createInstanceMetadata({ endpoint: flags.metadataEndpoint, clock });
  const serveNode: Task = async (running) => {
    const hosts = flags.hosts ?? [];
    const place = { host: loopbackOf(hosts), port: flags.port };
    const isInSync = () => parts.ready() === undefined;
    await awaitSuccession({ place, watchAgent: createWatchAgent(clock), isInSync, clock, log: logger }, running);
    await using resources = new AsyncDisposableStack();
    // Before the redirect: where it can't listen nothing has been changed yet.
    resources.use(
      await parts.serveMetadata({
        hosts,
        port: flags.port,
        callers: { kind: flags.allowIpQuery ? "query" : "socket" },
        readInstanceId: readInstanceIdOf(metadata),
        forwarding: await forwardingOf(flags, metadata),
      }),
    );
    // Undone before the metadata listener: once that is gone, a successor finds both places free.
    let isIntercepting = false;
    const ready = () => (isIntercepting ? parts.ready() : "the pods' requests are not redirected yet");
    resources.use(await serveTelemetryAt(flags.telemetryAddress, registry, ready, io));
    // Undone first: pods stop being redirected before the listener stops.
    const interception = await interceptionOf(flags, io, logger);
    isIntercepting = true;
    const { version, commit } = io.build;
    logger.info("kiam agent starts", { version, commit, node: nodeName || undefined, host: hostIp || undefined });
    if (interception === undefined) {
      await aborted(running);
      return;
    }
    const { redirectRepairs: repairs } = metrics;
    const { podsWithRoles } = parts;
    const { redirects } = resources.use(interception);
    await guardRedirects({ redirects, repairs, podsWithRoles, clock, logger })(running);
  };
  await runAll(signal, [parts.followFeed, tls.watch, serveNode]);
  return 0;
}

/** The patterns' engine is loaded only where there is one. */
async function forwardingOf(flags: AgentFlags, metadata: InstanceMetadata): Promise<Forwarding | undefined> {
  if (flags.allowRouteRegexp === nothingForwarded) {
    return undefined;
  }
  const { matchRoutes } = await import("./route-pattern.ts");
  return { isAllowed: matchRoutes(flags.allowRouteRegexp), metadata };
}

/** For both versions of IP. Waiting for the lock on the tables included, which others may hold. */
const installWithinMs = 30_000;

async function interceptionOf(flags: AgentFlags, io: CommandIo, logger: Logger): Promise<Interception | undefined> {
  const name = redirectInterface(flags);
  const pods = name === undefined ? undefined : parseInterfacePattern(name);
  if (pods === undefined || flags.hosts === undefined) {
    return undefined;
  }
  io.signal.throwIfAborted();
  // Not cut short by a signal: what came in place meanwhile would stay.
  using limit = deadline(installWithinMs, io.clock, neverAborted());
  return await interceptCalls(
    { pods, hosts: flags.hosts, port: flags.port, atExit: flags.iptablesRemove ? "remove" : "keep" },
    { run: io.runCommand, readText: (path) => readFile(path, "utf8"), clock: io.clock, logger },
    limit.signal,
  );
}
