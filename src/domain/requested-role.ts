import { type RoleArn, withoutLeadingSlash } from "./role-arn.ts";

/** The names that a pod's role may be asked for by. */
export interface RoleNames {
  /** As annotated. */
  readonly annotated: string;
  readonly role: RoleArn;
  /** Absent for a role outside the base. */
  readonly nameBelowBase?: string | undefined;
}

/** Whether a request's role, decoded once, is the pod's: its ARN, or what the base ARN makes into it. */
export function namesRole(requested: string, names: RoleNames): boolean {
  const name = withoutLeadingSlash(requested);
  return requested === names.role || name === names.nameBelowBase || name === withoutLeadingSlash(names.annotated);
}
