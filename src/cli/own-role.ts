import { type OwnRole, ownRole } from "../aws/own-role.ts";
import type { Sts } from "../aws/sts-client.ts";
import type { AssumeRole, IssueFailure } from "../domain/issue.ts";
import { isSameRole, type RoleArn } from "../domain/role-arn.ts";
import { deadline, neverAborted, untilAborted } from "../runtime/abort.ts";
import { backoffMs } from "../runtime/backoff.ts";
import type { Clock } from "../runtime/clock.ts";
import { type Logger, reasonOf } from "../runtime/logger.ts";
import type { Task } from "../runtime/tasks.ts";

export interface OwnRoleDeps {
  /** By the credentials that the server has to begin with. */
  readonly sts: Pick<Sts, "callerArn">;
  /** `--assume-role-arn`, which is kept to the server as well. */
  readonly assumedRole?: RoleArn | undefined;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  /** Told when the answer of {@link FollowedOwnRole.roles} is another. */
  readonly onChange: () => void;
}

/** The roles that this server acts as, which it never issues to a pod. */
export interface FollowedOwnRole {
  readonly roles: () => readonly RoleArn[];
  /** Resolves once STS has said who this server is, or has had its chance to: serving does not wait for a STS that is away. */
  readonly known: Promise<void>;
  /** Asks STS until it has said. */
  readonly run: Task;
  /** Lets no role be assumed before STS has said who this server is, and never the server's own. */
  readonly guard: (assumeRole: AssumeRole) => AssumeRole;
}

/** Longer than STS takes to answer, and short enough to start without it. */
const firstAnswerMs = 1_500;

/** As long as a call for a role may take. */
const longestAskMs = 20_000;

const retries = { firstMs: 1_000, longestMs: 10_000 };

export function followOwnRole(deps: OwnRoleDeps): FollowedOwnRole {
  const { sts, assumedRole, clock, random, logger, onChange } = deps;
  const { promise: known, resolve } = Promise.withResolvers<void>();
  let roles: readonly RoleArn[] = assumedRole === undefined ? [] : [assumedRole];
  let isSettled = false;
  let isWarned = false;
  let asking: Promise<IssueFailure | undefined> | undefined;

  /** One question at a time, whoever wants to know. Answers why STS has not said; never rejects. */
  function ask(): Promise<IssueFailure | undefined> {
    asking ??= askOnce().finally(() => {
      asking = undefined;
    });
    return asking;
  }

  async function askOnce(): Promise<IssueFailure | undefined> {
    if (isSettled) {
      return undefined;
    }
    const own = await answered();
    const failure = take(own);
    isSettled = failure === undefined;
    return failure;
  }

  async function answered(): Promise<OwnRole> {
    using limit = deadline(longestAskMs, clock, neverAborted());
    try {
      return await untilAborted(ownRole(sts, limit.signal), limit.signal);
    } catch (error) {
      return { kind: "failed", failure: { kind: "unavailable", code: "Timeout", message: reasonOf(error) } };
    }
  }

  function take(own: OwnRole): IssueFailure | undefined {
    switch (own.kind) {
      case "role":
        roles = [...roles, own.role];
        onChange();
        logger.info("this server's own role, which no pod is given", { "pod.iam.roleArn": own.role });
        return undefined;
      case "not-a-role":
        logger.info("this server acts as no role", { arn: own.arn });
        return undefined;
      case "failed":
        return takeFailure(own.failure);
      default:
        return own satisfies never;
    }
  }

  /** A refusal is as good as an answer: STS takes this server's credentials, and is not going to say more. */
  function takeFailure(failure: IssueFailure): IssueFailure | undefined {
    const reason = `STS does not say who this server is (${failure.code}: ${failure.message})`;
    if (failure.kind === "refused") {
      logger.warn(`${reason}: a pod may be given this server's own role`);
      return undefined;
    }
    if (!isWarned) {
      isWarned = true;
      logger.warn(`${reason}: pods get no new credentials while that lasts`);
    }
    return failure;
  }

  return {
    roles: () => roles,
    known,
    async run(signal) {
      using _chance = clock.after(firstAnswerMs, resolve);
      for (let attempt = 0; (await untilAborted(ask(), signal)) !== undefined; attempt += 1) {
        resolve();
        await clock.sleep(backoffMs(attempt, retries, random()), signal);
      }
      resolve();
    },
    guard: (assumeRole) => async (identity, signal) => {
      const failure = isSettled ? undefined : await untilAborted(ask(), signal);
      if (failure !== undefined) {
        return { kind: "failed", failure };
      }
      return roles.some((own) => isSameRole(own, identity.role))
        ? { kind: "failed", failure: ownRoleRefused }
        : await assumeRole(identity, signal);
    },
  };
}

const ownRoleRefused: IssueFailure = {
  kind: "refused",
  code: "ServersOwnRole",
  message: "the kiam server's own role is never issued",
};
