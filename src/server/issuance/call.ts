import type { AssumeRole, IssueFailure, IssueResult } from "../../domain/issue.ts";
import { rfc3339 } from "../../domain/rfc3339.ts";
import type { RoleIdentity } from "../../domain/role-identity.ts";
import { deadline, neverAborted, untilAborted } from "../../runtime/abort.ts";
import type { Clock } from "../../runtime/clock.ts";
import { type Logger, reasonOf } from "../../runtime/logger.ts";
import type { ServerMetrics } from "../metrics.ts";

/** Asks STS once, within a time, measured and logged. Never rejects. */
export type Call = (identity: RoleIdentity) => Promise<IssueResult>;

export interface CallDeps {
  readonly assumeRole: AssumeRole;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<ServerMetrics, "issuingErrors" | "assumeRoleSeconds" | "assumeRoleCurrent">;
}

/** Three tries of 5 s with their pauses, and some time to get the server's own credentials. */
const longestCallMs = 20_000;

export function createCall({ assumeRole, clock, logger, metrics }: CallDeps): Call {
  return async (identity) => {
    const startedAtMs = clock.now();
    metrics.assumeRoleCurrent.inc();
    const result = await withinTime(identity);
    metrics.assumeRoleCurrent.dec();
    metrics.assumeRoleSeconds.observe(Math.max(0, clock.now() - startedAtMs) / 1000);
    report(identity, result);
    return result;
  };

  async function withinTime(identity: RoleIdentity): Promise<IssueResult> {
    using limit = deadline(longestCallMs, clock, neverAborted());
    try {
      const result = await untilAborted(assumeRole(identity, limit.signal), limit.signal);
      return hasExpired(result, clock.now()) ? failed("Expired", "STS answered with expired credentials") : result;
    } catch (error) {
      // What an adapter throws may quote a request, so only its name is told.
      return limit.passed
        ? failed("Timeout", reasonOf(error))
        : failed("Unexpected", `asking STS threw ${nameOf(error)}`);
    }
  }

  function report(identity: RoleIdentity, result: IssueResult): void {
    const about = { "credentials.role": identity.role, "credentials.session-name": identity.sessionName };
    if (result.kind === "failed") {
      metrics.issuingErrors.inc();
      const { code, message } = result.failure;
      logger.error(`error requesting credentials: ${code}: ${message}`, { "pod.iam.roleArn": identity.role, ...about });
      return;
    }
    logger.info("requested new credentials", {
      ...about,
      "credentials.access.key": result.credentials.accessKeyId,
      "credentials.expiration": rfc3339(result.credentials.expiresAtMs),
    });
  }
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}

function hasExpired(result: IssueResult, nowMs: number): boolean {
  return result.kind === "issued" && result.credentials.expiresAtMs <= nowMs;
}

function failed(code: string, message: string): IssueResult {
  return { kind: "failed", failure: { kind: "unavailable", code, message } satisfies IssueFailure };
}
