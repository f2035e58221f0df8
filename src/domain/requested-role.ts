import { type RoleArn, withoutLeadingSlash } from "./role-arn.ts";

/** The names that a pod's role may be asked for by. */
export interface RoleNames {
  /** As annotated. */
  readonly annotated: string;
  readonly role: RoleArn;
  /** Absent for a role outside the base. */
  readonly nameBelowBase?: string | undefined;
}

/**
 * Whether a request's role, decoded once, resolves to the pod's as {@link resolveRole} does it, told without the base:
 * an ARN is the pod's or is not, a name must be the one below the base or the annotated one.
 */
export function namesRole(requested: string, names: RoleNames): boolean {
  if (requested.startsWith("arn:")) {
    return requested === names.role;
  }
  const name = withoutLeadingSlash(requested);
  const annotatedAsName = !names.annotated.startsWith("arn:") && name === withoutLeadingSlash(names.annotated);
  return name !== "" && (name === names.nameBelowBase || annotatedAsName);
}
