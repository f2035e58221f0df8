import { ownRole } from "../aws/own-role.ts";
import type { Sts } from "../aws/sts-client.ts";
import type { RoleArn } from "../domain/role-arn.ts";
import { backoffMs } from "../runtime/backoff.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Task } from "../runtime/tasks.ts";

export interface OwnRoleDeps {
  readonly sts: Pick<Sts, "callerArn">;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  /** Told when the answer of {@link FollowedOwnRole.roles} is another. */
  readonly onChange: () => void;
}

/** The role that this server acts as, which it never issues to a pod. */
export interface FollowedOwnRole {
  readonly roles: () => readonly RoleArn[];
  /** Resolves once STS has said who this server is, or has had its chance to: serving does not wait for a STS that is away. */
  readonly known: Promise<void>;
  /** Asks STS until it has said. */
  readonly run: Task;
}

/** Longer than STS takes to answer, and short enough to start without it. */
const firstAnswerMs = 1_500;

/** Soon again: what issues credentials but has not said who this server is may issue this server's own role. */
const retries = { firstMs: 1_000, longestMs: 10_000 };

export function followOwnRole({ sts, clock, random, logger, onChange }: OwnRoleDeps): FollowedOwnRole {
  const { promise: known, resolve } = Promise.withResolvers<void>();
  let roles: readonly RoleArn[] = [];

  /** Whether STS has said. */
  async function ask(attempt: number, signal: AbortSignal): Promise<boolean> {
    const own = await ownRole(sts, signal);
    switch (own.kind) {
      case "role":
        roles = [own.role];
        onChange();
        logger.info("this server's own role, which no pod is given", { "pod.iam.roleArn": own.role });
        return true;
      case "not-a-role":
        logger.info("this server acts as no role", { arn: own.arn });
        return true;
      case "failed":
        if (attempt === 0) {
          const { code, message } = own.failure;
          logger.warn(
            `STS does not say who this server is (${code}: ${message}): pods get no credentials while that lasts`,
          );
        }
        return false;
      default:
        return own satisfies never;
    }
  }

  return {
    roles: () => roles,
    known,
    async run(signal) {
      using _chance = clock.after(firstAnswerMs, resolve);
      for (let attempt = 0; !(await ask(attempt, signal)); attempt += 1) {
        resolve();
        await clock.sleep(backoffMs(attempt, retries, random()), signal);
      }
      resolve();
    },
  };
}
