import { httpUrl, listenAddress } from "./address-kinds.ts";
import { keepaliveFlags, logFlags, telemetryFlags, tlsFlags } from "./common-flags.ts";
import { boolean, count, durationMs, file, oneOf, text } from "./flag-kind.ts";
import type { FlagTable, FlagValues } from "./flag-table.ts";
import { region, roleBaseArn, roleNameOrArn, serviceAccount, trustDomain } from "./kiam-kinds.ts";
import { obsoleteServerFlags } from "./obsolete-flags.ts";

export type ServerFlags = FlagValues<typeof serverFlags>;

export const serverFlags = {
  ...tlsFlags,
  bind: {
    name: "bind",
    group: "Agents",
    kind: listenAddress,
    default: "localhost:9610",
    description: "Where agents are served",
  },
  kubeconfigPath: {
    name: "kubeconfig",
    group: "Kubernetes",
    kind: file,
    description: "How to reach the API server; without it, as a pod of the cluster",
  },
  syncMs: {
    name: "sync",
    group: "Kubernetes",
    kind: durationMs,
    default: "1m",
    description: "How often to decide anew on every pod that is known; 0 for never",
  },
  ...keepaliveFlags,
  connectionIdleMs: {
    name: "grpc-max-connection-idle-duration",
    group: "Connections",
    kind: durationMs,
    default: "15m",
    description: "How long a connection without a call or a stream stays open",
  },
  connectionAgeMs: {
    name: "grpc-max-connection-age-duration",
    group: "Connections",
    kind: durationMs,
    default: "15m",
    description: "How old a connection becomes before its agent is asked to open another, give or take a tenth",
  },
  connectionAgeGraceMs: {
    name: "grpc-max-connection-age-grace-duration",
    group: "Connections",
    kind: durationMs,
    default: "15m",
    description: "How long an agent that was asked to has for it before the connection is closed",
  },
  agentIdentity: {
    name: "agent-identity",
    group: "Agents",
    kind: oneOf("prefer", "required"),
    default: "prefer",
    description: "Whether agents that do not prove their node are served with a warning (prefer) or refused (required)",
  },
  agentServiceAccounts: {
    name: "agent-service-account",
    group: "Agents",
    kind: serviceAccount,
    repeatable: true,
    description: "Whose tokens prove a node; else kiam-agent in the server's own namespace",
  },
  trustDomain: {
    name: "trust-domain",
    group: "Agents",
    kind: trustDomain,
    description: "Take certificates of spiffe://<domain>/kiam/node/<name> for proof of the node too",
  },
  roleBaseArn: {
    name: "role-base-arn",
    group: "Roles",
    kind: roleBaseArn,
    description: "Put in front of roles that are not ARNs, such as arn:aws:iam::123456789012:role/",
  },
  roleBaseArnAutodetect: {
    name: "role-base-arn-autodetect",
    group: "Roles",
    kind: boolean,
    default: "false",
    description: "Find the base out from the metadata service, else from STS, whatever --role-base-arn says",
  },
  assumeRoleArn: {
    name: "assume-role-arn",
    group: "Roles",
    kind: roleNameOrArn,
    description: "The role, by its name or ARN, that this server assumes before it assumes the pods'",
  },
  disableStrictNamespaceRegexp: {
    name: "disable-strict-namespace-regexp",
    group: "Roles",
    kind: boolean,
    default: "false",
    description: "Let a namespace's pattern match any part of a role's ARN instead of the whole",
  },
  sessionName: {
    name: "session",
    group: "Sessions",
    kind: text,
    default: "kiam",
    description: "Session name for pods that do not name their own, after kiam-",
  },
  sessionDurationMs: {
    name: "session-duration",
    group: "Sessions",
    kind: durationMs,
    default: "60m",
    description: "How long credentials live, from 15m to 12h",
  },
  sessionRefreshMs: {
    name: "session-refresh",
    group: "Sessions",
    kind: durationMs,
    description:
      "How long before they expire credentials are renewed; else 25m for sessions of 60m or more, a third of shorter ones",
  },
  region: {
    name: "region",
    group: "STS",
    kind: region,
    aliases: ["sts-region"],
    description: "Region whose STS is called; else the global one, or what AWS_REGION asks for",
  },
  stsEndpoint: {
    name: "sts-endpoint",
    group: "STS",
    kind: httpUrl,
    description: "STS at this URL instead of the region's",
  },
  fetchers: {
    name: "fetchers",
    group: "STS",
    kind: count(1000),
    default: "8",
    description: "Parallel calls of STS for prefetch and renewal, and as many for requests",
  },
  ...telemetryFlags,
  ...logFlags,
  ...obsoleteServerFlags,
} as const satisfies FlagTable;

/** What AWS takes for a role session: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html */
const shortestSessionMs = 15 * 60_000;
const longestSessionMs = 12 * 3_600_000;

/** What in a server's flags contradicts the rest, as a sentence. */
export function serverContradiction(flags: ServerFlags): string | undefined {
  if (flags.roleBaseArn === undefined && !flags.roleBaseArnAutodetect) {
    return "--role-base-arn or --role-base-arn-autodetect is required";
  }
  if (flags.sessionDurationMs < shortestSessionMs || flags.sessionDurationMs > longestSessionMs) {
    return "--session-duration must be from 15m to 12h";
  }
  return flags.sessionRefreshMs !== undefined && flags.sessionRefreshMs >= flags.sessionDurationMs
    ? "--session-refresh must be shorter than --session-duration"
    : undefined;
}
