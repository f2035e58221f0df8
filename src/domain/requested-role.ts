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

/** Whether two texts may name one role, as far as that can be told without the base: a name may be an ARN's end. */
export function mayBeSameRole(requested: string, annotated: string): boolean {
  const [one, other] = [withoutLeadingSlash(requested), withoutLeadingSlash(annotated)];
  if (one.startsWith("arn:") === other.startsWith("arn:")) {
    return one === other;
  }
  const [arn, name] = one.startsWith("arn:") ? [one, other] : [other, one];
  return name !== "" && arn.endsWith(name);
}
