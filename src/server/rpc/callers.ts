import { ConnectError, type HandlerContext } from "@connectrpc/connect";
import { parseIpAddress } from "../../domain/ip-address.ts";
import { peerKey } from "../../rpc/peer.ts";
import type { LogFields, Logger } from "../../runtime/logger.ts";
import { createRecentMap } from "../../runtime/recent-map.ts";
import type { Authorize, NodeClaim, NodeProof } from "../identity/authorize.ts";
import type { ServerMetrics } from "../metrics.ts";
import { malformedError, refusalError } from "./failure-codes.ts";

/** An agent that may be served. */
export interface Caller {
  readonly proof: Exclude<NodeProof, { kind: "refused" }>;
  /** The only node whose pods it may hear of. Absent for an unproven one that names none: it is served as by the Go release. */
  readonly nodeName?: string;
}

/** The one place that says who calls, for both services. */
export interface Callers {
  /** @throws ConnectError where the caller may not be served */
  identify(claim: NodeClaim, context: CallContext): Promise<Caller>;
  /** A caller that was served is not any more, because its proof has ended. */
  turnedAway(reason: string, context: Pick<CallContext, "values">): void;
}

type CallContext = Pick<HandlerContext, "values" | "requestHeader" | "signal">;

export interface CallersDeps {
  readonly authorize: Authorize;
  readonly logger: Logger;
  readonly metrics: Pick<ServerMetrics, "agentCalls">;
}

/** Callers that were warned about are remembered, so that each is warned about once; more than any cluster has nodes. */
const mostRemembered = 16_384;

/** Of one caller; who is refused for more reasons than there are is at play. */
const mostWarnings = 16;

/** Kubernetes limits node names to DNS subdomains. https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ */
const longestNodeName = 253;

export function createCallers({ authorize, logger, metrics }: CallersDeps): Callers {
  const warned = createRecentMap<string, Set<string>>(mostRemembered);

  /** Once of each caller and subject, until it has proved its node. */
  function warn(remoteAddress: string, subject: string, message: string, fields: LogFields): void {
    const subjects = warned.get(remoteAddress) ?? new Set();
    if (!subjects.has(subject) && subjects.size < mostWarnings) {
      warned.set(remoteAddress, subjects.add(subject));
      logger.warn(message, { addr: remoteAddress, ...fields });
    }
  }

  /** Whoever speaks not as agents do is refused like who proves badly. */
  function evidenceOf(claim: NodeClaim, { requestHeader, values }: CallContext): string | undefined {
    try {
      check(claim);
      return bearerTokenOf(requestHeader);
    } catch (error) {
      const reason = ConnectError.from(error).rawMessage;
      metrics.agentCalls.inc({ proof: "refused" });
      warn(values.get(peerKey).remoteAddress, reason, refusing, { reason });
      throw error;
    }
  }

  return {
    turnedAway(reason, { values }) {
      metrics.agentCalls.inc({ proof: "refused" });
      warn(values.get(peerKey).remoteAddress, reason, "ending an agent's stream", { reason });
    },
    async identify(claim, context) {
      const { alternativeNames, remoteAddress } = context.values.get(peerKey);
      const bearerToken = evidenceOf(claim, context);
      const presented = { alternativeNames, ...(bearerToken === undefined ? {} : { bearerToken }) };
      const proof = await authorize(presented, claim, context.signal);
      metrics.agentCalls.inc({ proof: proof.kind === "proven" ? proof.by : proof.kind });
      switch (proof.kind) {
        case "refused":
          warn(remoteAddress, proof.subject ?? proof.reason, refusing, { reason: proof.reason });
          throw refusalError(proof);
        case "proven":
          warned.delete(remoteAddress);
          return { proof, nodeName: proof.nodeName };
        case "unproven":
          warn(remoteAddress, proof.kind, unprovenWarning, { "node.name": proof.nodeName });
          return proof.nodeName === undefined ? { proof } : { proof, nodeName: proof.nodeName };
        default:
          return proof satisfies never;
      }
    },
  };
}

const refusing = "refusing an agent";
const unprovenWarning = "serving an agent that does not prove its node, which --agent-identity=required would refuse";

function check({ nodeName, hostIp }: NodeClaim): void {
  if (nodeName.length > longestNodeName) {
    throw malformedError("claim.node_name");
  }
  if (hostIp !== "" && parseIpAddress(hostIp) === undefined) {
    throw malformedError("claim.host_ip");
  }
}

/** What is there must be good: a header that can't be read is not the same as none. */
function bearerTokenOf(header: Headers): string | undefined {
  const text = header.get("authorization");
  if (text === null) {
    return undefined;
  }
  const token = /^Bearer +(\S+)$/i.exec(text)?.[1];
  if (token === undefined) {
    throw malformedError("authorization");
  }
  return token;
}
