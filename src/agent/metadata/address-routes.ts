import { withoutLeadingSlash } from "../../domain/role-arn.ts";
import type { AddressLookup, CredentialsAtAddress, RoleAtAddress } from "../credentials/address-lookup.ts";
import type { AgentMetrics, HandlerName } from "../metrics.ts";
import { type Answer, textAnswer } from "./answer.ts";
import type { AnswerCredentials } from "./credentials.ts";
import { type Refusal, refuse } from "./refusal.ts";
import type { MetadataRequest } from "./request.ts";

/** What {@link PodRoutes} answer while Go servers serve. Both resolve to `undefined` when none does any more. */
export interface AddressRoutes {
  roleName(request: MetadataRequest): Promise<Answer | undefined>;
  /** @param role the role in the path, decoded once */
  credentials(request: MetadataRequest, role: string): Promise<Answer | undefined>;
}

export interface AddressRouteOptions {
  readonly lookup: AddressLookup;
  readonly answerCredentials: AnswerCredentials;
  readonly metrics: Pick<AgentMetrics, "findRoleErrors" | "emptyRole" | "credentialFetchErrors">;
}

export function createAddressRoutes({ lookup, answerCredentials, metrics }: AddressRouteOptions): AddressRoutes {
  /** Counted as the same refusals of pods that the store knows are. */
  function refused(handler: HandlerName, found: NotServed): Answer {
    if (found.kind === "no-role") {
      metrics.emptyRole.labels(handler).inc();
    } else if (handler === "roleName" || found.kind === "unknown" || found.kind === "doubt") {
      metrics.findRoleErrors.labels(handler).inc();
    }
    return refuse(refusalOf(found));
  }

  return {
    async roleName({ client, signal }) {
      const found = await lookup.findRole(client, signal);
      switch (found.kind) {
        case "not-in-use":
          return undefined;
        case "role":
          return textAnswer(withoutLeadingSlash(found.name));
        default:
          return refused("roleName", found);
      }
    },
    async credentials({ client, signal }, role) {
      const request = { address: client, role };
      const found = await lookup.findCredentials(request, signal);
      switch (found.kind) {
        case "not-in-use":
          return undefined;
        case "issued":
          return answerCredentials.toAddress(request, found.credentials);
        case "unknown":
        case "doubt":
          return refused("credentials", found);
        default:
          metrics.credentialFetchErrors.labels("credentials").inc();
          return refused("credentials", found);
      }
    },
  };
}

type NotServed = Exclude<RoleAtAddress | CredentialsAtAddress, { kind: "not-in-use" | "role" | "issued" }>;

function refusalOf(found: NotServed): Refusal {
  switch (found.kind) {
    case "no-role":
    case "denied":
      return found;
    case "unknown":
      return { kind: "pod-unknown" };
    case "doubt":
      return { kind: "pod-in-doubt" };
    case "unavailable":
      return { kind: "servers-unavailable", reason: found.reason };
    default:
      return found satisfies never;
  }
}
