import { findRoleBase, type RoleBaseSources } from "../aws/role-base.ts";
import { deadline } from "../runtime/abort.ts";
import { backoffMs } from "../runtime/backoff.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";

export interface FindRoleBaseDeps extends Pick<RoleBaseSources, "metadata" | "sts"> {
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
}

export type RoleBase =
  | { readonly kind: "base"; readonly baseArn: string }
  | { readonly kind: "problem"; readonly problem: string };

/** What a liveness probe with the usual delays leaves a server; a restart after that shows the reason, and tries again. */
const longestFindMs = 30_000;

const pause = { firstMs: 500, longestMs: 5_000 };

/** Asks until there is an answer, for half a minute at most. Rejects only when the signal is aborted. */
export async function findRoleBaseInTime(deps: FindRoleBaseDeps, signal: AbortSignal): Promise<RoleBase> {
  const { clock, random, logger } = deps;
  using limit = deadline(longestFindMs, clock, signal);
  let reason = "neither the metadata service nor STS answers";
  try {
    for (let attempt = 0; ; attempt += 1) {
      const onWarn = (message: string) => attempt === 0 && logger.warn(message);
      const found = await findRoleBase({ ...deps, onWarn }, limit.signal);
      if (found.kind === "found") {
        logger.info("using detected prefix", { prefix: found.baseArn, source: found.source });
        return { kind: "base", baseArn: found.baseArn };
      }
      reason = found.problem;
      if (attempt === 0) {
        logger.warn(`--role-base-arn-autodetect: ${reason}: trying again`);
      }
      await clock.sleep(backoffMs(attempt, pause, random()), limit.signal);
    }
  } catch (error) {
    if (!limit.passed) {
      throw error;
    }
    return { kind: "problem", problem: `--role-base-arn-autodetect: ${reason}: give --role-base-arn instead` };
  }
}
