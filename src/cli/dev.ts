import { randomBytes } from "node:crypto";
import { Registry } from "prom-client";
import example from "../../deploy/dev/pods.yaml" with { type: "text" };
import { createAgentMetrics } from "../agent/metrics.ts";
import { createAssumeRole } from "../aws/assume-role.ts";
import type { TlsIdentity } from "../rpc/tls-options.ts";
import { createListeners } from "../runtime/listeners.ts";
import type { Logger } from "../runtime/logger.ts";
import { runAll } from "../runtime/tasks.ts";
import { defaultAheadMs } from "../server/issuance/schedule.ts";
import { createServerMetrics } from "../server/metrics.ts";
import { type AgentParts, createAgentParts } from "./agent-parts.ts";
import { clientTimings } from "./client-timings.ts";
import { type Account, callersAccount, exampleAccount } from "./dev/account.ts";
import { devNode } from "./dev/cluster.ts";
import { followSources } from "./dev/follow-sources.ts";
import { createDevListeners } from "./dev/listeners.ts";
import { devServerName, loopbackTls } from "./dev/loopback-tls.ts";
import { devSources } from "./dev/sources.ts";
import { emulatedSts, type OpenSts, realSts } from "./dev/sts.ts";
import { useManifests } from "./dev/use-manifests.ts";
import type { DevFlags } from "./dev-flags.ts";
import type { CommandIo } from "./io.ts";
import { loggerOf } from "./logger.ts";
import { createServerParts, type ServerParts } from "./server-parts.ts";
import { createTlsMetrics } from "./tls-metrics.ts";

const sessionMs = 3_600_000;
const fetchers = 8;
const graceMs = 1_000;

/** Runs a server and an agent in this process, over mutual TLS on loopback, until the signal is aborted. */
export async function runDev(flags: DevFlags, io: CommandIo): Promise<number> {
  const { clock, signal } = io;
  const logger = loggerOf(flags, io);
  const refuse = (problem: string, exitCode = 2) => {
    io.stderr(`kiam dev: ${problem}\n`);
    return exitCode;
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
  const account = flags.aws ? await callersAccount(dev, clock, signal) : exampleAccount;
  if (account.kind === "problem") {
    return signal.aborted ? 0 : refuse(account.problem);
  }

  const tls = loopbackTls(clock.now(), randomBytes);
  const server = resources.use(serverOf(dev, account, io, logger));
  const rpc = await server.listen(tls.server);
  resources.defer(() => rpc.close(graceMs));
  const agent = agentOf(tls.agent, rpc.port, io, logger);
  const listeners = resources.use(createDevListeners(agent, flags.port));
  const onChange = useManifests({
    server,
    listeners,
    sts: dev.guide,
    startedAtMs: clock.now(),
    print: io.stdout,
    logger,
  });

  const [problem] = await onChange(manifests);
  if (problem !== undefined) {
    return refuse(problem, 1);
  }
  const files = followSources({ sources, first: manifests, onChange, clock, logger });
  await runAll(signal, [server.run, agent.followFeed, files]);
  return 0;
}

function agentOf(tls: TlsIdentity, port: number, { clock, random }: CommandIo, logger: Logger): AgentParts {
  const registry = new Registry();
  return createAgentParts(
    {
      nodeName: devNode,
      hostIp: "",
      serverAddress: { host: devServerName, port },
      timings: clientTimings,
      imdsTokens: "optional",
    },
    {
      tls: { current: tls, changes: createListeners<void>() },
      readToken: async () => undefined,
      resolve: async () => ["127.0.0.1"],
      ...{ clock, random, logger, registry, randomBytes },
      metrics: createAgentMetrics(registry),
      tlsMetrics: createTlsMetrics("client", registry),
      monotonicMs: () => performance.now(),
    },
  );
}

function serverOf(
  { sts }: Pick<OpenSts, "sts">,
  account: Extract<Account, { readonly kind: "account" }>,
  { clock, random }: CommandIo,
  logger: Logger,
): ServerParts {
  const registry = new Registry();
  return createServerParts(
    {
      bind: { host: "127.0.0.1", port: 0 },
      connections: { ...clientTimings, limits: { idleMs: 0, ageMs: 0, graceMs: 0 } },
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
      // There is no API server to keep events: the log says the same.
      postPodEvent: async ({ count }) => ({ kind: "posted", count }),
      ...{ clock, random, logger, registry },
      metrics: createServerMetrics(registry),
      tlsMetrics: createTlsMetrics("server", registry),
    },
  );
}
