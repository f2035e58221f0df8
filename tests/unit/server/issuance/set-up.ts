import { Registry } from "prom-client";
import type { Credentials } from "../../../../src/domain/credentials.ts";
import type { IssueResult } from "../../../../src/domain/issue.ts";
import { type IdentityKey, identityKey, type RoleIdentity } from "../../../../src/domain/role-identity.ts";
import { createIssuance, type IssuanceDeps } from "../../../../src/server/issuance/issuance.ts";
import { createServerMetrics } from "../../../../src/server/metrics.ts";
import { createFakeClock, settle } from "../../../fakes/clock.ts";
import { createRecordingLogger } from "../../../fakes/recording-logger.ts";
import { createFakeSts, identityOf } from "../../../fakes/sts.ts";

export const minuteMs = 60_000;
export const hourMs = 60 * minuteMs;

/** Renewals of an hour's session are due after this, give or take nothing: the random number is a half. */
export const dueMs = 35 * minuteMs;

export const reader = identityOf("reader");
export const writer = identityOf("writer");

/** Issuance on a clock and an STS that the test moves; eight calls at once, renewed 25 minutes ahead. */
export function setUp(options: Partial<IssuanceDeps> = {}) {
  const clock = createFakeClock();
  const sts = createFakeSts(clock);
  const registry = new Registry();
  const logger = createRecordingLogger();
  const issuance = createIssuance({
    assumeRole: sts.assumeRole,
    clock,
    random: () => 0.5,
    logger,
    metrics: createServerMetrics(registry),
    fetchers: 8,
    refreshAheadMs: 25 * minuteMs,
    ...options,
  });
  const changes: IdentityKey[] = [];
  issuance.changes.add((key) => changes.push(key));

  return {
    ...issuance,
    get: (identity: RoleIdentity, signal: AbortSignal, namespace = "team") => issuance.get(identity, namespace, signal),
    clock,
    sts,
    logger,
    /** The keys that were told of as changed. */
    changed: changes,
    peekAt: (identity: RoleIdentity) => issuance.peek(identityKey(identity)),
    /** The value of a counter or gauge. */
    async metric(name: string): Promise<number | undefined> {
      const metric = await registry.getSingleMetric(name)?.get();
      return metric?.values[0]?.value;
    },
    /** Lets the background work until disposed. */
    start(): AsyncDisposable {
      const stop = new AbortController();
      const running = issuance.run(stop.signal);
      return {
        [Symbol.asyncDispose]: () => {
          stop.abort(new Error("stopping"));
          return running;
        },
      };
    },
  };
}

export function issuedOf(result: IssueResult | undefined): Credentials | undefined {
  return result?.kind === "issued" ? result.credentials : undefined;
}

export function codeOf(result: IssueResult | undefined): string | undefined {
  return result?.kind === "failed" ? result.failure.code : undefined;
}

/** How a promise stands, all that can run having run. */
export async function stateOf(promise: Promise<unknown>): Promise<"waiting" | "answered" | "rejected"> {
  let state: "waiting" | "answered" | "rejected" = "waiting";
  promise.then(
    () => {
      state = "answered";
    },
    () => {
      state = "rejected";
    },
  );
  await settle();
  return state;
}
