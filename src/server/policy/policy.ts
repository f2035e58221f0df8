import type { Decision } from "../../domain/decision.ts";
import type { Denial } from "../../domain/denial.ts";
import type { Pod, RoleRequest } from "../../domain/pod.ts";
import { isSameRole, nameBelowBase, type RoleArn, resolveRole } from "../../domain/role-arn.ts";
import type { RoleIdentity } from "../../domain/role-identity.ts";
import { sessionName } from "../../domain/session-name.ts";
import type { Patterns } from "./patterns.ts";

export interface PolicyDeps {
  /** What names are put below; see {@link resolveRole}. */
  readonly baseArn: string;
  /** `--session`, for pods that name no session. */
  readonly defaultSession: string;
  /** The roles that the server itself acts as, which nobody is given; asked each time, because they may be learned late. */
  readonly serversOwnRoles: () => readonly RoleArn[];
  readonly patterns: Patterns;
}

/** Which role a pod may have, given what its namespace permits. The same answer for the same pod on every replica. */
export type Decide = (pod: Pod, permitted: string) => Decision;

export function createPolicy({ baseArn, defaultSession, serversOwnRoles, patterns }: PolicyDeps): Decide {
  function identityOf(role: RoleArn, { sessionName: session, externalId }: RoleRequest): RoleIdentity {
    return {
      role,
      sessionName: sessionName(session || defaultSession),
      ...(externalId ? { externalId } : {}),
    };
  }

  /** Whatever its namespace permits. */
  function denialOf(pod: Pod, role: RoleArn): Denial | undefined {
    if (pod.isMirror) {
      return { kind: "mirror-pod" };
    }
    return serversOwnRoles().some((own) => isSameRole(own, role)) ? { kind: "servers-own-role", role } : undefined;
  }

  function namespaceDenial(role: RoleArn, pattern: string): Denial | undefined {
    if (pattern === "") {
      return { kind: "namespace-forbids", pattern, role };
    }
    const verdict = patterns.match(pattern, role);
    switch (verdict.kind) {
      case "matches":
        return undefined;
      case "differs":
        return { kind: "namespace-forbids", pattern, role };
      case "malformed":
        return { kind: "malformed-pattern", pattern, problem: verdict.problem };
      default:
        return verdict satisfies never;
    }
  }

  return (pod, permitted) => {
    const { request } = pod;
    if (request === undefined || request.role === "") {
      return { kind: "no-role" };
    }
    const role = resolveRole(request.role, baseArn);
    if (role === undefined) {
      return { kind: "denied", denial: { kind: "malformed-role", annotated: request.role } };
    }
    const denial = denialOf(pod, role);
    if (denial !== undefined) {
      return { kind: "denied", denial, role };
    }
    const identity = identityOf(role, request);
    const byNamespace = namespaceDenial(role, permitted);
    if (byNamespace !== undefined) {
      return { kind: "denied", denial: byNamespace, role, wanted: identity };
    }
    const name = nameBelowBase(role, baseArn);
    return {
      kind: "allowed",
      identity,
      ...(name === undefined ? {} : { nameBelowBase: name }),
    };
  };
}
