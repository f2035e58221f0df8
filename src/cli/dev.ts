import { randomBytes } from "node:crypto";
import { Registry } from "prom-client";
import example from "../../deploy/dev/pods.yaml" with { type: "text" };
import { createAgentMetrics } from "../agent/metrics.ts";
import { createAssumeRole } from "../aws/assume-role.ts";
import { createListeners } from "../runtime/listeners.ts";
import { runAll } from "../runtime/tasks.ts";
import { defaultAheadMs } from "../server/issuance/schedule.ts";
import { createServerMetrics } from "../server/metrics.ts";
import { createAgentParts } from "./agent-parts.ts";
import { type Account, callersAccount, exampleAccount } from "./dev/account.ts";
import { createToCluster, devNode } from "./dev/cluster.ts";
import { followSources } from "./dev/follow-sources.ts";
import { guide } from "./dev/guide.ts";
import { createDevListeners } from "./dev/listeners.ts";
import { devServerName, loopbackTls } from "./dev/loopback-tls.ts";
import type { ManifestObjects } from "./dev/manifests.ts";
import { devSources } from "./dev/sources.ts";
import { type DevSts, emulatedSts, realSts } from "./dev/sts.ts";
import type { DevFlags } from "./dev-flags.ts";
import type { CommandIo } from "./io.ts";
import { loggerOf } from "./process.ts";
import { createServerParts, type ServerParts } from "./server-parts.ts";
import { createTlsMetrics } from "./tls-metrics.ts";

const sessionMs = 3_600_000;
const fetchers = 8;
const graceMs = 1_000;

/** Runs a server and an agent in this process, over mutual TLS on loopback, until the signal is aborted. */
export async function runDev(flags: DevFlags, io: CommandIo): Promise<number> {
  const { clock, signal } = io;
  const logger = loggerOf(flags, io);
  const refuse = (problem: string) => {
    io.stderr(`kiam dev: ${problem}\n`);
    return 2;
  };
  const sources = devSources(flags.files, example);
  const manifests = await sources.read();
  if (manifests.kind === "mistake") {
    return refuse(manifests.problem);
  }
  await using resources = new AsyncDisposableStack();
  const dev = await (flags.aws ? realSts(io) : emulatedSts(io));
  if (dev.kind === "problem") {
    return refuse(dev.problem);
  }
  resources.use(dev);
  const account = flags.aws ? await callersAccount(dev.sts, signal) : exampleAccount;
  if (account.kind === "problem") {
    return refuse(account.problem);
  }

  const tls = loopbackTls(clock.now(), randomBytes);
  const server = resources.use(serverOf(dev, account, io, logger));
  const rpc = await server.listen(tls.server);
  resources.defer(() => rpc.close(graceMs));
  const registry = new Registry();
  const agent = createAgentParts(
    { nodeName: devNode, hostIp: "", serverAddress: { host: devServerName, port: rpc.port } },
    {
      tls: { current: tls.agent, changes: createListeners<void>() },
      readToken: async () => undefined,
      resolve: async () => ["127.0.0.1"],
      ...{ clock, random: io.random, logger, registry, metrics: createAgentMetrics(registry), randomBytes },
      monotonicMs: () => performance.now(),
    },
  );
  const listeners = resources.use(createDevListeners(agent, flags.port));
  const toCluster = createToCluster(clock.now());

  async function use(objects: ManifestObjects): Promise<void> {
    const { pods, namespaces, leftOut } = toCluster(objects);
    for (const line of leftOut) {
      logger.warn(`left out: ${line}`);
    }
    server.namespaces.replaceAll(namespaces);
    server.pods.replaceAll(pods.map(({ pod }) => pod));
    await listeners.reconcile(pods);
    const entries = pods.map((one) => ({
      ...one,
      decision: server.decide(one.pod),
      port: listeners.portOf(one.address),
    }));
    io.stdout(guide(entries, dev.kind === "sts" ? dev.guide : { kind: "aws" }));
  }

  await use(manifests);
  const files = followSources({ sources, first: manifests, onChange: use, clock, logger });
  await runAll(signal, [server.run, agent.followFeed, files]);
  return 0;
}

function serverOf(
  { sts }: Extract<DevSts, { readonly kind: "sts" }>,
  account: Extract<Account, { readonly kind: "account" }>,
  { clock, random }: CommandIo,
  logger: ReturnType<typeof loggerOf>,
): ServerParts {
  const registry = new Registry();
  return createServerParts(
    {
      bind: { host: "127.0.0.1", port: 0 },
      agentIdentity: "required",
      agentServiceAccounts: [],
      roleBaseArn: account.roleBaseArn,
      patternsMatch: "whole",
      sessionName: "kiam",
      refreshAheadMs: defaultAheadMs(sessionMs),
      fetchers,
    },
    {
      assumeRole: createAssumeRole({
        sts,
        sessionDurationSeconds: sessionMs / 1000,
        clock,
        onWarn: (message) => logger.warn(message),
      }),
      ownRoles: () => account.ownRoles,
      reviewToken: async () => ({ kind: "rejected", reason: "kiam dev knows no tokens" }),
      ...{ clock, random, logger, registry },
      metrics: createServerMetrics(registry),
      tlsMetrics: createTlsMetrics("server", registry),
    },
  );
}
