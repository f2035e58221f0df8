import { hostAddresses, plainHttpUrl } from "./address-kinds.ts";
import { clientFlags, logFlags, telemetryFlags, tlsFlags } from "./common-flags.ts";
import { boolean, file, oneOf, port, text } from "./flag-kind.ts";
import type { FlagTable, FlagValues } from "./flag-table.ts";
import { interfacePattern, iptables, nodeName } from "./kiam-kinds.ts";
import { obsoleteClientFlags, obsoleteTelemetryFlags } from "./obsolete-flags.ts";

export type AgentFlags = FlagValues<typeof agentFlags>;

/** A pattern that no path of a request matches. */
export const nothingForwarded = "^$";

export const agentFlags = {
  ...tlsFlags,
  ...clientFlags,
  nodeName: {
    name: "node-name",
    group: "Servers",
    kind: nodeName,
    variables: ["NODE_NAME"],
    description:
      "The node that this agent serves; else the one whose pods have --host as their host's address, and without --host the one named as the host",
  },
  identityTokenPath: {
    name: "identity-token",
    group: "Servers",
    kind: file,
    description: "Projected service account token that proves the node to the servers",
  },
  port: {
    name: "port",
    group: "Metadata",
    kind: port,
    default: "3100",
    description: "Where the pods' metadata requests are answered",
  },
  hosts: {
    name: "host",
    group: "Metadata",
    kind: hostAddresses,
    variables: ["HOST_IP"],
    description:
      "The node's address, or its IPv4 and IPv6 ones, to listen on and to redirect to; requests by the one that is missing are rejected",
  },
  iptables: {
    name: "iptables",
    group: "Redirect",
    kind: iptables,
    default: "false",
    description: "Redirect the pods' metadata requests; alone, it takes the interface from --host-interface",
  },
  iptablesRemove: {
    name: "iptables-remove",
    group: "Redirect",
    kind: boolean,
    default: "true",
    description: "Take the redirect away at exit; kept, it leaves pods without the metadata service",
  },
  hostInterface: {
    name: "host-interface",
    group: "Redirect",
    kind: interfacePattern,
    default: "docker0",
    description: "The interface that pods' packets come in by; cali+ for all that begin so, !eth0 for all but that",
  },
  metadataEndpoint: {
    name: "metadata-endpoint",
    group: "Metadata",
    kind: plainHttpUrl,
    default: "http://169.254.169.254",
    description: "The real metadata service",
  },
  imdsTokens: {
    name: "imds-tokens",
    group: "Metadata",
    kind: oneOf("optional", "required"),
    default: "optional",
    description: "Whether requests without an IMDSv2 token are answered (optional) or refused (required)",
  },
  allowRouteRegexp: {
    name: "allow-route-regexp",
    group: "Metadata",
    kind: text,
    aliases: ["whitelist-route-regexp"],
    default: nothingForwarded,
    description:
      "Other metadata paths to forward, as an RE2 pattern of any part of the path; never those of credentials",
  },
  allowIpQuery: {
    name: "allow-ip-query",
    group: "Metadata",
    kind: boolean,
    default: "false",
    description: "Let ?ip= name the pod instead of the client's address: never where others can connect",
  },
  ...telemetryFlags,
  ...logFlags,
  ...obsoleteClientFlags,
  ...obsoleteTelemetryFlags,
} as const satisfies FlagTable;

/** What in an agent's flags contradicts the rest, as a sentence. */
export async function agentContradiction(flags: AgentFlags): Promise<string | undefined> {
  return (await malformedPattern(flags)) ?? redirectContradiction(flags);
}

/** The engine is loaded only for who gives a pattern: help need not wait for it, nor do health probes. */
async function malformedPattern({ allowRouteRegexp }: AgentFlags): Promise<string | undefined> {
  if (allowRouteRegexp === nothingForwarded) {
    return undefined;
  }
  const { patternProblem } = await import("./route-pattern.ts");
  const problem = patternProblem(allowRouteRegexp);
  return problem === undefined ? undefined : `--allow-route-regexp must be an RE2 pattern: ${problem}`;
}

function redirectContradiction(flags: AgentFlags): string | undefined {
  return flags.iptables.kind !== "off" && flags.hosts === undefined
    ? "--iptables needs --host (or HOST_IP), the address that requests are redirected to"
    : undefined;
}

/** The interface to redirect from; `undefined` where nothing is to be redirected. */
export function redirectInterface(flags: Pick<AgentFlags, "iptables" | "hostInterface">): string | undefined {
  switch (flags.iptables.kind) {
    case "off":
      return undefined;
    case "on":
      return flags.hostInterface;
    case "on-interface":
      return flags.iptables.pattern;
    default:
      return flags.iptables satisfies never;
  }
}
