import type { Brand } from "./brand.ts";

/** A well-formed IAM role ARN of any partition and account. */
export type RoleArn = Brand<string, "RoleArn">;

/**
 * The characters and lengths that IAM allows: a path of printable ASCII up to 512 characters, a name up to 64. Of
 * partitions the longest is 10 characters so far; one of any length would be text without bounds in others' hands.
 * https://docs.aws.amazon.com/IAM/latest/APIReference/API_Role.html
 */
const roleArnForm = /^arn:[a-z][a-z0-9-]{0,31}:iam::(\d{12}):role\/(?:[\x21-\x7e]{1,510}\/)?([\w+=,.@-]{1,64})$/;

/** Answers `undefined` for what is not a role ARN. */
export function parseRoleArn(text: string): RoleArn | undefined {
  return roleArnForm.test(text) ? (text as RoleArn) : undefined;
}

/**
 * The role that an annotation or a request names: `arn:…` is taken whole, otherwise one leading `/` is dropped and the
 * base put in front. The base is any prefix, usually `arn:aws:iam::<account>:role/`. `undefined` where the outcome is not
 * a role ARN.
 */
export function resolveRole(named: string, baseArn: string): RoleArn | undefined {
  if (named.startsWith("arn:")) {
    return parseRoleArn(named);
  }
  const name = withoutLeadingSlash(named);
  // A base that ends within the name (`…:role/prod-`) would be a role by itself.
  return name === "" ? undefined : parseRoleArn(baseArn + name);
}

/** How the metadata service lists a role: as annotated, without a leading slash. */
export function withoutLeadingSlash(named: string): string {
  return named.startsWith("/") ? named.slice(1) : named;
}

/** The part of a role's ARN below the base, which a pod may ask for it by; `undefined` for a role outside the base. */
export function nameBelowBase(role: RoleArn, baseArn: string): string | undefined {
  return baseArn !== "" && role.startsWith(baseArn) && role !== baseArn ? role.slice(baseArn.length) : undefined;
}

/** The twelve digits of the account that owns the role. */
export function accountOf(role: RoleArn): string {
  return roleArnForm.exec(role)?.[1] ?? "";
}

/**
 * Whether two ARNs are of one role, whatever their paths: an account has no two roles of one name, not even in different
 * case, and what STS says of an assumed role leaves the path out.
 */
export function isSameRole(one: RoleArn, other: RoleArn): boolean {
  return accountOf(one) === accountOf(other) && nameOf(one) === nameOf(other);
}

function nameOf(role: RoleArn): string {
  return (roleArnForm.exec(role)?.[2] ?? "").toLowerCase();
}
