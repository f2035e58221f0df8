import { explain } from "../../domain/denial.ts";
import type { NodePod } from "../../domain/node-pod.ts";
import { namesRole } from "../../domain/requested-role.ts";
import type { IdentityKey } from "../../domain/role-identity.ts";

/** What a pod may have of what it asked for. */
export type Entitlement =
  | { readonly kind: "entitled"; readonly identity: IdentityKey }
  | { readonly kind: "denied"; readonly explanation: string }
  | { readonly kind: "no-role" };

/**
 * Whether the requested role is the pod's and policy allows it. A pod that policy denies is told why, whatever it asked for.
 * @param requested the role in the request's path, decoded once
 */
export function entitlementOf(pod: NodePod, requested: string): Entitlement {
  const { decision, annotatedRole } = pod;
  switch (decision.kind) {
    case "no-role":
      return decision;
    case "denied":
      return { kind: "denied", explanation: decision.explanation };
    case "allowed":
      return namesRole(requested, {
        annotated: annotatedRole,
        role: decision.role,
        nameBelowBase: decision.nameBelowBase,
      })
        ? { kind: "entitled", identity: decision.identity }
        : { kind: "denied", explanation: explain({ kind: "role-mismatch", requested, annotated: annotatedRole }) };
    default:
      return decision satisfies never;
  }
}
