import { OwnCredentialsError } from "../../aws/own-credentials-error.ts";
import { roleOfCaller } from "../../aws/own-role.ts";
import { roleBaseOf } from "../../aws/role-base.ts";
import type { RoleArn } from "../../domain/role-arn.ts";
import { deadline, untilAborted } from "../../runtime/abort.ts";
import type { Clock } from "../../runtime/clock.ts";
import { inOneLine } from "../failure.ts";
import type { OpenSts } from "./sts.ts";

export type Account =
  | { readonly kind: "account"; readonly roleBaseArn: string; readonly ownRoles: readonly RoleArn[] }
  | { readonly kind: "problem"; readonly problem: string };

/** The documentation's, as in the example manifests. */
export const exampleAccount: Account = {
  kind: "account",
  roleBaseArn: "arn:aws:iam::123456789012:role/",
  ownRoles: [],
};

/** Somebody waits at a terminal: longer than an answer takes, and the tools that a profile may name. */
const patienceMs = 10_000;

/** The account that the developer's own credentials are of, which roles without an ARN are taken to be in. */
export async function callersAccount(
  { sts, endpoint }: { readonly sts: Pick<OpenSts["sts"], "callerArn">; readonly endpoint: string },
  clock: Clock,
  signal: AbortSignal,
): Promise<Account> {
  using limit = deadline(patienceMs, clock, signal);
  try {
    const arn = await untilAborted(sts.callerArn(limit.signal), limit.signal);
    const roleBaseArn = roleBaseOf(arn);
    if (roleBaseArn === undefined) {
      return { kind: "problem", problem: `STS at ${endpoint} says this is '${arn}', which is in no account` };
    }
    const own = roleOfCaller(arn);
    return { kind: "account", roleBaseArn, ownRoles: own === undefined ? [] : [own] };
  } catch (error) {
    const problem =
      error instanceof OwnCredentialsError
        ? `no AWS credentials (${inOneLine(error.cause)}): --aws takes them from AWS_ variables or ~/.aws only`
        : `STS at ${endpoint} can't be asked: ${inOneLine(error)}`;
    return { kind: "problem", problem };
  }
}
