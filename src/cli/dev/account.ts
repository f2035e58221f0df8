import { roleOfCaller } from "../../aws/own-role.ts";
import type { Sts } from "../../aws/sts-client.ts";
import type { RoleArn } from "../../domain/role-arn.ts";
import { reasonOf } from "../../runtime/logger.ts";

export type Account =
  | { readonly kind: "account"; readonly roleBaseArn: string; readonly ownRoles: readonly RoleArn[] }
  | { readonly kind: "problem"; readonly problem: string };

/** The documentation's, as in the example manifests. */
export const exampleAccount: Account = {
  kind: "account",
  roleBaseArn: "arn:aws:iam::123456789012:role/",
  ownRoles: [],
};

/** The account that the developer's own credentials are of, which roles without an ARN are taken to be in. */
export async function callersAccount(sts: Pick<Sts, "callerArn">, signal: AbortSignal): Promise<Account> {
  try {
    const arn = await sts.callerArn(signal);
    const [, partition, account] = /^arn:([a-z0-9-]+):(?:sts|iam)::(\d{12}):/.exec(arn) ?? [];
    if (partition === undefined || account === undefined) {
      return { kind: "problem", problem: `STS says this is '${arn}', which is in no account` };
    }
    const own = roleOfCaller(arn);
    const roleBaseArn = `arn:${partition}:iam::${account}:role/`;
    return { kind: "account", roleBaseArn, ownRoles: own === undefined ? [] : [own] };
  } catch (error) {
    return {
      kind: "problem",
      problem: `STS can't be asked (${reasonOf(error)}): --aws takes credentials from AWS_ variables or ~/.aws only`,
    };
  }
}
