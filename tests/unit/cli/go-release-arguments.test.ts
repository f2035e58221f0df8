import { describe, expect, test } from "bun:test";
import { agentContradiction, agentFlags } from "../../../src/cli/agent-flags.ts";
import type { FlagTable } from "../../../src/cli/flag-table.ts";
import { parseFlags } from "../../../src/cli/flags.ts";
import { healthFlags } from "../../../src/cli/health-flags.ts";
import { serverContradiction, serverFlags } from "../../../src/cli/server-flags.ts";
import { goReleaseAgents } from "../../fixtures/go-release/agents.ts";
import { goReleaseProbes } from "../../fixtures/go-release/probes.ts";
import { goReleaseServers } from "../../fixtures/go-release/servers.ts";

// Each list of arguments as the manifests have it, and all that it comes to: what is not named here has its default.

const tables = { agent: agentFlags, server: serverFlags, health: healthFlags } as const;

function values(table: FlagTable, argv: readonly string[], env: Readonly<Record<string, string>> = {}): unknown {
  const parsed = parseFlags(table, { argv, env, fileProblem: () => undefined });
  return parsed.kind === "values" ? parsed.values : parsed;
}

const files = { certPath: "c", keyPath: "k", caPath: "a" };
const filesGiven = ["--cert=c", "--key=k", "--ca=a"];
const clientDefaults = {
  ...files,
  serverAddress: { host: "localhost", port: 9610 },
  gatewayTimeoutMs: 1_000,
  keepaliveTimeMs: 10_000,
  keepaliveTimeoutMs: 2_000,
  keepaliveWithoutStream: false,
  jsonLog: false,
  level: "info",
  serverAddressRefresh: 0,
  keepaliveTimeMilliseconds: undefined,
  keepaliveTimeoutMilliseconds: undefined,
  warnings: [],
};

const telemetryDefaults = {
  telemetryAddress: undefined,
  telemetryInterval: 5_000,
  pprofAddress: undefined,
  statsdAddress: undefined,
  statsdPrefix: "kiam",
  statsdInterval: 100,
};

/** SPEC section 2. */
const defaults = {
  agent: {
    ...clientDefaults,
    ...telemetryDefaults,
    nodeName: undefined,
    identityTokenPath: undefined,
    port: 3100,
    hosts: undefined,
    iptables: { kind: "off" },
    iptablesRemove: true,
    hostInterface: "docker0",
    metadataEndpoint: "http://169.254.169.254",
    imdsTokens: "optional",
    allowRouteRegexp: "^$",
    allowIpQuery: false,
  },
  server: {
    ...files,
    ...telemetryDefaults,
    bind: { host: "localhost", port: 9610 },
    kubeconfigPath: undefined,
    syncMs: 60_000,
    fetchers: 8,
    prefetchBufferSize: 1_000,
    roleBaseArn: undefined,
    roleBaseArnAutodetect: false,
    assumeRoleArn: undefined,
    disableStrictNamespaceRegexp: false,
    sessionName: "kiam",
    sessionDurationMs: 3_600_000,
    sessionRefreshMs: undefined,
    region: undefined,
    stsEndpoint: undefined,
    keepaliveTimeMs: 10_000,
    keepaliveTimeoutMs: 2_000,
    connectionIdleMs: 900_000,
    connectionAgeMs: 900_000,
    connectionAgeGraceMs: 900_000,
    agentIdentity: "prefer",
    agentServiceAccounts: [],
    trustDomain: undefined,
    jsonLog: false,
    level: "info",
    warnings: [],
  },
  health: { ...clientDefaults, timeoutMs: 1_000 },
} as const;

describe.each(["agent", "server", "health"] as const)("kiam %s", (command) => {
  test("has the defaults that the Go release has, but for what we changed", () => {
    const parsed = values(tables[command], filesGiven);

    expect(parsed).toEqual(defaults[command]);
  });
});

const processes = [
  ...goReleaseAgents.map((process) => ["agent", process.from, process] as const),
  ...goReleaseServers.map((process) => ["server", process.from, process] as const),
  ...goReleaseProbes.map((process) => ["health", process.from, process] as const),
];

test.each(processes)("kiam %s: the arguments of %s are taken", (command, _, { argv, env, means }) => {
  const parsed = values(tables[command], argv, env);

  expect(parsed).toEqual({ ...defaults[command], ...means });
});

test.each(processes)("kiam %s: the arguments of %s go together", async (command, _, { argv, env = {} }) => {
  const source = { argv, env, fileProblem: () => undefined };
  const agent = command === "agent" ? parseFlags(agentFlags, source) : undefined;
  const server = command === "server" ? parseFlags(serverFlags, source) : undefined;

  expect(agent?.kind === "values" ? await agentContradiction(agent.values) : agent).toBeUndefined();
  expect(server?.kind === "values" ? serverContradiction(server.values) : server).toBeUndefined();
});

test("a prefetch buffer of no length, which the Go release took too, is no reason not to start", () => {
  const argv = [...filesGiven, "--role-base-arn-autodetect", "--prefetch-buffer-size=0"];

  expect(values(serverFlags, argv)).toMatchObject({ prefetchBufferSize: 0 });
});
