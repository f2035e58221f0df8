import { httpUrl, listenAddress } from "./address-kinds.ts";
import { logFlags, telemetryFlags, tlsFlags } from "./common-flags.ts";
import { boolean, count, durationMs, file, oneOf, text } from "./flag-kind.ts";
import type { FlagTable, FlagValues } from "./flag-table.ts";
import { region, roleBaseArn, serviceAccount } from "./kiam-kinds.ts";

export type ServerFlags = FlagValues<typeof serverFlags>;

export const serverFlags = {
  ...tlsFlags,
  bind: { name: "bind", kind: listenAddress, default: "localhost:9610", description: "Where agents are served" },
  kubeconfigPath: {
    name: "kubeconfig",
    kind: file,
    description: "How to reach the API server; without it, as a pod of the cluster",
  },
  agentIdentity: {
    name: "agent-identity",
    kind: oneOf("prefer", "required"),
    default: "prefer",
    description: "Whether agents that do not prove their node are served with a warning (prefer) or refused (required)",
  },
  agentServiceAccounts: {
    name: "agent-service-account",
    kind: serviceAccount,
    repeatable: true,
    description: "Whose tokens prove a node; may be repeated; else kiam-agent in the server's own namespace",
  },
  roleBaseArn: {
    name: "role-base-arn",
    kind: roleBaseArn,
    required: true,
    description: "Put in front of roles that are not ARNs, such as arn:aws:iam::123456789012:role/",
  },
  disableStrictNamespaceRegexp: {
    name: "disable-strict-namespace-regexp",
    kind: boolean,
    default: "false",
    description: "Let a namespace's pattern match any part of a role's ARN instead of the whole",
  },
  sessionName: {
    name: "session",
    kind: text,
    default: "kiam",
    description: "Session name for pods that do not name their own, after kiam-",
  },
  sessionDurationMs: {
    name: "session-duration",
    kind: durationMs,
    default: "60m",
    description: "How long credentials live, from 15m to 12h",
  },
  sessionRefreshMs: {
    name: "session-refresh",
    kind: durationMs,
    description:
      "How long before they expire credentials are renewed; else 25m for sessions of 60m or more, a third of shorter ones",
  },
  region: {
    name: "region",
    kind: region,
    aliases: ["sts-region"],
    description: "Region whose STS is called; else the global one, or what AWS_REGION asks for",
  },
  stsEndpoint: { name: "sts-endpoint", kind: httpUrl, description: "STS at this URL instead of the region's" },
  fetchers: {
    name: "fetchers",
    kind: count(1000),
    default: "8",
    description: "Parallel calls of STS for prefetch and renewal, and as many for requests",
  },
  ...telemetryFlags,
  ...logFlags,
} as const satisfies FlagTable;

/** What AWS takes for a role session: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html */
const shortestSessionMs = 15 * 60_000;
const longestSessionMs = 12 * 3_600_000;

/** What in a server's flags contradicts the rest, as a sentence. */
export function serverContradiction(flags: ServerFlags): string | undefined {
  if (flags.sessionDurationMs < shortestSessionMs || flags.sessionDurationMs > longestSessionMs) {
    return "--session-duration must be from 15m to 12h";
  }
  return flags.sessionRefreshMs !== undefined && flags.sessionRefreshMs >= flags.sessionDurationMs
    ? "--session-refresh must be shorter than --session-duration"
    : undefined;
}
