import { lookup } from "node:dns/promises";
import { createAssumeRole } from "../aws/assume-role.ts";
import { chooseEndpoint } from "../aws/endpoints.ts";
import { unknownRegion } from "../aws/known-region.ts";
import { createStsClient } from "../aws/sts-client.ts";
import type { Egress } from "../domain/egress.ts";
import { proxyName } from "../domain/proxy-rules.ts";
import type { ApiConnection, ConnectionResult } from "../kubernetes/connection.ts";
import { createPostPodEvent } from "../kubernetes/events.ts";
import { inClusterConnection } from "../kubernetes/in-cluster.ts";
import { kubeconfigConnection } from "../kubernetes/kubeconfig.ts";
import { reviewToken } from "../kubernetes/token-review.ts";
import type { Logger } from "../runtime/logger.ts";
import { repeat, runUntilDone } from "../runtime/tasks.ts";
import { defaultAheadMs } from "../server/issuance/schedule.ts";
import { createServerMetrics } from "../server/metrics.ts";
import { pingTimingsOf } from "./client-timings.ts";
import { followCluster } from "./follow-cluster.ts";
import type { CommandIo } from "./io.ts";
import { loggerOf } from "./logger.ts";
import { networkOf } from "./network.ts";
import { followOwnRole } from "./own-role.ts";
import { createRegistry, serveTelemetryAt } from "./process.ts";
import { serveAgents } from "./serve-agents.ts";
import { type OpenSts, openServerAccount, type ServerAccount } from "./server-account.ts";
import type { ServerFlags } from "./server-flags.ts";
import { createServerParts, type ServerSettings } from "./server-parts.ts";
import { startTls } from "./start-tls.ts";
import { createTlsMetrics } from "./tls-metrics.ts";

/** What agents' tokens prove unless the flag says otherwise: this service account, in the server's own namespace. */
const agentServiceAccount = "kiam-agent";

/** SDKs of several languages refetch on every call once less than a quarter of an hour is left. */
const shortSessionMs = 3_600_000;

/** Serves agents until the signal is aborted. */
export async function runServer(flags: ServerFlags, io: CommandIo): Promise<number> {
  const { clock, random, env, signal } = io;
  const logger = loggerOf(flags, io);
  const refuse = (problem: string, exitCode = 2) => {
    io.stderr(`kiam server: ${problem}\n`);
    return exitCode;
  };
  const choice = chooseEndpoint({ region: flags.region ?? "", url: flags.stsEndpoint ?? "", env });
  if (choice.kind === "problem") {
    return refuse(choice.problem);
  }
  const network = await networkOf(env);
  if (network.kind === "problem") {
    return refuse(network.problem);
  }
  const connected = await connectionOf(flags, network.kubernetes, io);
  if (connected.kind === "unusable") {
    return refuse(connected.problem);
  }
  const registry = createRegistry(io);
  const tlsMetrics = createTlsMetrics("server", registry);
  const started = await startTls({ cert: flags.certPath, key: flags.keyPath, ca: flags.caPath }, "server", {
    clock,
    logger,
    metrics: tlsMetrics,
  });
  if (started.kind === "problem") {
    return refuse(started.problem);
  }
  const regionProblem = await unknownRegion(choice.endpoint, network.aws, (host) => lookup(host), signal);
  if (regionProblem !== undefined) {
    return refuse(regionProblem);
  }
  if (flags.sessionDurationMs < shortSessionMs) {
    logger.warn(
      "--session-duration is less than 1h: some SDKs will ask for credentials at every call in their last 15m",
    );
  }

  const { connection } = connected;
  const metrics = createServerMetrics(registry);
  const openSts: OpenSts = (credentials) =>
    createStsClient({ endpoint: choice.endpoint, egress: network.aws, credentials, clock });
  const account = await openServerAccount({ flags, openSts, io, logger });
  if (account.kind === "problem") {
    return refuse(account.problem, account.exitCode);
  }
  using _account = account;
  const { ownSts, podsSts, assumedRole } = account;
  const own = followOwnRole({
    ...{ sts: ownSts, assumedRole, clock, random, logger },
    onChange: () => parts.decideAgain(),
  });
  using parts = createServerParts(settingsOf(flags, account, connection, logger), {
    assumeRole: own.guard(
      createAssumeRole({
        sts: podsSts,
        sessionDurationSeconds: flags.sessionDurationMs / 1000,
        clock,
        onWarn: (message) => logger.warn(message),
      }),
    ),
    ownRoles: own.roles,
    reviewToken: reviewToken(connection, clock),
    postPodEvent: createPostPodEvent(connection, clock),
    ...{ clock, random, logger, registry, metrics, tlsMetrics },
  });
  const cluster = followCluster(parts, { connection, clock, random, logger, metrics });
  const serving = serveAgents(parts, { tls: started.tls, logger, beforeServing: [cluster.synced, own.known] });
  await using _telemetry = await serveTelemetryAt(flags.telemetryAddress, registry, serving.ready, io);
  const stsProxy = network.aws.proxyFor(choice.endpoint.url);
  logger.info("kiam server starts", {
    version: io.build.version,
    commit: io.build.commit,
    sts: choice.endpoint.url,
    ...(stsProxy !== undefined && { "sts.proxy": proxyName(stsProxy) }),
    ...(connection.proxyUrl !== undefined && { "kubernetes.proxy": proxyName(connection.proxyUrl) }),
  });
  const sync = repeat(() => parts.decideAgain(), flags.syncMs, clock);
  // What agents are told while they go to other servers is as new as ever.
  await runUntilDone(signal, serving.run, [parts.run, sync, ...cluster.tasks, own.run, started.tls.watch]);
  return 0;
}

function connectionOf(
  flags: ServerFlags,
  egress: Egress,
  { env, clock, runCommand }: CommandIo,
): Promise<ConnectionResult> {
  const host = env["KUBERNETES_SERVICE_HOST"] ?? "";
  const port = env["KUBERNETES_SERVICE_PORT"] ?? "";
  return flags.kubeconfigPath === undefined
    ? inClusterConnection({ host, port, egress })
    : kubeconfigConnection(flags.kubeconfigPath, { run: runCommand, clock, env: definedOf(env), egress });
}

function definedOf(env: CommandIo["env"]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

function settingsOf(
  flags: ServerFlags,
  { roleBaseArn }: ServerAccount,
  connection: ApiConnection,
  logger: Logger,
): ServerSettings {
  const { namespace } = connection;
  if (flags.agentServiceAccounts.length === 0 && namespace === undefined) {
    logger.warn("no --agent-service-account, and this server's own namespace is not known: no token proves a node");
  }
  const own = namespace === undefined ? [] : [{ namespace, name: agentServiceAccount }];
  return {
    bind: flags.bind,
    connections: {
      ...pingTimingsOf(flags),
      limits: {
        idleMs: flags.connectionIdleMs,
        ageMs: flags.connectionAgeMs,
        graceMs: flags.connectionAgeGraceMs,
      },
    },
    agentIdentity: flags.agentIdentity,
    agentServiceAccounts: flags.agentServiceAccounts.length === 0 ? own : flags.agentServiceAccounts,
    trustDomain: flags.trustDomain,
    roleBaseArn,
    patternsMatch: flags.disableStrictNamespaceRegexp ? "anywhere" : "whole",
    sessionName: flags.sessionName,
    refreshAheadMs: flags.sessionRefreshMs ?? defaultAheadMs(flags.sessionDurationMs),
    fetchers: flags.fetchers,
  };
}
