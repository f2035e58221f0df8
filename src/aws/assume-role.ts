import type { Credentials } from "../domain/credentials.ts";
import type { AssumeRole, IssueResult } from "../domain/issue.ts";
import type { RoleArn } from "../domain/role-arn.ts";
import type { RoleIdentity } from "../domain/role-identity.ts";
import type { Clock } from "../runtime/clock.ts";
import { issueFailureOf } from "./issue-failure.ts";
import type { AssumedRole, Sts } from "./sts-client.ts";

export interface AssumeRoleDeps {
  readonly sts: Pick<Sts, "assumeRole">;
  /** 900 to 43200; what is more than whole seconds is cut off, as in Go. */
  readonly sessionDurationSeconds: number;
  readonly clock: Pick<Clock, "now">;
  /** Told in one line what an operator should know. */
  readonly onWarn: (message: string) => void;
}

/** What role chaining allows and every role does: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html */
const durationForAllSeconds = 3600;

/** Roles known not to allow the duration: more than a cluster has; the first known is forgotten for one more. */
const mostCappedRoles = 10_000;

/** The longest session STS issues (12 h), and an hour for clocks that disagree. */
const longestLifetimeMs = 13 * 3_600_000;

/** https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html: told here, because STS would quote it. */
const externalIdForm = /^[A-Za-z0-9_+=,.@:/-]{2,1224}$/;

/** AssumeRole as kiam asks it: a refused duration costs one more call, once for each role; half an answer is a failure. */
export function createAssumeRole({ sts, clock, onWarn, ...deps }: AssumeRoleDeps): AssumeRole {
  const sessionDurationSeconds = Math.floor(deps.sessionDurationSeconds);
  const cappedRoles = new Set<RoleArn>();

  return async (identity, signal) => {
    signal.throwIfAborted();
    if (identity.externalId !== undefined && !externalIdForm.test(identity.externalId)) {
      return failed("refused", "ValidationError", "the external id is not one that STS takes");
    }
    if (cappedRoles.has(identity.role)) {
      return ask(identity, durationForAllSeconds, signal);
    }
    const result = await ask(identity, sessionDurationSeconds, signal);
    if (sessionDurationSeconds <= durationForAllSeconds || !isDurationRefused(result)) {
      return result;
    }
    rememberCap(identity.role);
    return ask(identity, durationForAllSeconds, signal);
  };

  async function ask(identity: RoleIdentity, durationSeconds: number, signal: AbortSignal): Promise<IssueResult> {
    const issuedAtMs = clock.now();
    const { role: roleArn, sessionName, externalId } = identity;
    try {
      return read(await sts.assumeRole({ roleArn, sessionName, externalId, durationSeconds }, signal), issuedAtMs);
    } catch (error) {
      signal.throwIfAborted();
      return { kind: "failed", failure: issueFailureOf(error, externalId) };
    }
  }

  function rememberCap(role: RoleArn): void {
    const [first] = cappedRoles;
    if (cappedRoles.size >= mostCappedRoles && first !== undefined) {
      cappedRoles.delete(first);
    }
    cappedRoles.add(role);
    onWarn(
      `role ${role} does not allow sessions of ${sessionDurationSeconds} s: asking for ${durationForAllSeconds} s`,
    );
  }
}

function isDurationRefused(result: IssueResult): boolean {
  return (
    result.kind === "failed" &&
    result.failure.code === "ValidationError" &&
    /duration ?seconds/i.test(result.failure.message)
  );
}

function read(answer: AssumedRole, issuedAtMs: number): IssueResult {
  const { accessKeyId, secretAccessKey, sessionToken, expiration } = answer;
  if (!(accessKeyId && secretAccessKey && sessionToken && expiration)) {
    return failed("unavailable", "MalformedResponse", "STS answered without credentials");
  }
  const credentials: Credentials = {
    accessKeyId,
    secretAccessKey,
    sessionToken,
    issuedAtMs,
    expiresAtMs: expiration.getTime(),
  };
  const lifetimeMs = credentials.expiresAtMs - issuedAtMs;
  return lifetimeMs > 0 && lifetimeMs <= longestLifetimeMs
    ? { kind: "issued", credentials }
    : failed(
        "unavailable",
        "MalformedResponse",
        "STS answered with an expiration that can't be, or the clocks disagree",
      );
}

function failed(kind: "refused" | "unavailable", code: string, message: string): IssueResult {
  return { kind: "failed", failure: { kind, code, message } };
}
