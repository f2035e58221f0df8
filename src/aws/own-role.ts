import type { IssueFailure } from "../domain/issue.ts";
import { parseRoleArn, type RoleArn } from "../domain/role-arn.ts";
import { issueFailureOf } from "./issue-failure.ts";
import type { Sts } from "./sts-client.ts";

/** The role that the server acts as, which it never issues. */
export type OwnRole =
  /** STS does not tell a role's path: compare account and name only. */
  | { readonly kind: "role"; readonly role: RoleArn }
  /** A user, say, or an account's root. */
  | { readonly kind: "not-a-role"; readonly arn: string }
  | { readonly kind: "failed"; readonly failure: IssueFailure };

/** Asks STS who the server is. Rejects only when the signal is aborted. */
export async function ownRole(sts: Pick<Sts, "callerArn">, signal: AbortSignal): Promise<OwnRole> {
  try {
    const arn = await sts.callerArn(signal);
    const role = roleOfCaller(arn);
    return role === undefined ? { kind: "not-a-role", arn } : { kind: "role", role };
  } catch (error) {
    signal.throwIfAborted();
    return { kind: "failed", failure: issueFailureOf(error, undefined) };
  }
}

const assumedRoleForm = /^arn:([a-z0-9-]+):sts::(\d{12}):assumed-role\/([^/]+)\/[^/]+$/;

/** `arn:aws:sts::…:assumed-role/name/session` as the role `arn:aws:iam::…:role/name`, without its path. */
export function roleOfCaller(arn: string): RoleArn | undefined {
  const [, partition, account, name] = assumedRoleForm.exec(arn) ?? [];
  return name === undefined ? undefined : parseRoleArn(`arn:${partition}:iam::${account}:role/${name}`);
}
