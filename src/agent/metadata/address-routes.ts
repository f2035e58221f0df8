import { accountOf, parseRoleArn, type RoleArn, withoutLeadingSlash } from "../../domain/role-arn.ts";
import type { AddressLookup, CredentialsAtAddress, RoleAtAddress } from "../credentials/address-lookup.ts";
import type { AgentMetrics, HandlerName } from "../metrics.ts";
import { type Answer, documentHeaders, textAnswer } from "./answer.ts";
import type { AnswerCredentials } from "./credentials.ts";
import type { AnswerInstanceProfile } from "./instance-profile.ts";
import { type Refusal, refusalOfUnknown, refuse } from "./refusal.ts";
import type { MetadataRequest } from "./request.ts";
import type { CredentialsForm } from "./target.ts";

/**
 * What {@link PodRoutes} answer while Go servers serve. All resolve to `undefined` when none does any more. Go servers don't say
 * what a role's name is below: its account is known only where the pod is annotated with an ARN.
 */
export interface AddressRoutes {
  roleName(request: MetadataRequest, form: CredentialsForm): Promise<Answer | undefined>;
  credentials(request: MetadataRequest, asked: CredentialsAsked): Promise<Answer | undefined>;
  instanceProfile(request: MetadataRequest): Promise<Answer | undefined>;
}

/** What a request for credentials names. */
export interface CredentialsAsked {
  readonly form: CredentialsForm;
  /** The role in the path, decoded once. */
  readonly role: string;
}

export interface AddressRouteOptions {
  readonly lookup: AddressLookup;
  readonly answerCredentials: AnswerCredentials;
  readonly answerProfile: AnswerInstanceProfile;
  readonly metrics: Pick<AgentMetrics, "findRoleErrors" | "emptyRole" | "credentialFetchErrors">;
}

export function createAddressRoutes(options: AddressRouteOptions): AddressRoutes {
  const { lookup, answerCredentials, answerProfile, metrics } = options;

  /** Counted as the same refusals of pods that the store knows are. */
  function refused(handler: HandlerName, found: NotServed): Answer {
    if (found.kind === "no-role") {
      metrics.emptyRole.labels(handler).inc();
    } else if (handler !== "credentials" || found.kind === "unknown" || found.kind === "doubt") {
      metrics.findRoleErrors.labels(handler).inc();
    }
    return refuse(refusalOf(found));
  }

  async function forRole(
    handler: HandlerName,
    { client, signal }: MetadataRequest,
    answer: (name: string) => Answer,
  ): Promise<Answer | undefined> {
    const found = await lookup.findRole(client, signal);
    switch (found.kind) {
      case "not-in-use":
        return undefined;
      case "role":
        return answer(withoutLeadingSlash(found.name));
      default:
        return refused(handler, found);
    }
  }

  return {
    roleName: (request, form) =>
      forRole("roleName", request, (name) =>
        form === "plain" || parseRoleArn(name) !== undefined
          ? textAnswer(name, documentHeaders())
          : refuse({ kind: "account-unknown" }),
      ),
    instanceProfile: (request) =>
      forRole("info", request, (name) => {
        const role = parseRoleArn(name);
        return role === undefined ? refuse({ kind: "account-unknown" }) : answerProfile(role, undefined);
      }),
    async credentials({ client, signal }, { form, role }) {
      const account = form === "extended" ? accountIn(role) : undefined;
      if (form === "extended" && account === undefined) {
        metrics.credentialFetchErrors.labels("credentials").inc();
        return refuse({ kind: "account-unknown" });
      }
      const request = { address: client, role };
      const found = await lookup.findCredentials(request, signal);
      switch (found.kind) {
        case "not-in-use":
          return undefined;
        case "issued":
          return answerCredentials.toAddress(request, found.credentials, account);
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

function accountIn(named: string): string | undefined {
  const role: RoleArn | undefined = parseRoleArn(named);
  return role === undefined ? undefined : accountOf(role);
}

type NotServed = Exclude<RoleAtAddress | CredentialsAtAddress, { kind: "not-in-use" | "role" | "issued" }>;

function refusalOf(found: NotServed): Refusal {
  switch (found.kind) {
    case "no-role":
    case "denied":
      return found;
    default:
      return refusalOfUnknown(found);
  }
}
