import type { STSClientConfig } from "@aws-sdk/client-sts";

type RetryStrategy = Extract<NonNullable<STSClientConfig["retryStrategy"]>, { acquireInitialRetryToken: unknown }>;
type RetryToken = Awaited<ReturnType<RetryStrategy["acquireInitialRetryToken"]>>;

/** A kept connection that STS has closed costs no pause, what else may pass a short one. */
const pauseMs = 100;

/** Retries that are left while nothing succeeds; each success gives one back: an STS that is down gets one request a call. */
const mostSpareTries = 10;

/**
 * Tries again what may pass at once: a connection that is lost, a 5xx. Never what asks for fewer calls, which whoever issues waits out for
 * all roles together, and not silence, which has cost a whole try's time.
 * @param mostTries at least 1
 */
export function brieflyRetried(mostTries: number): RetryStrategy {
  let spareTries = mostSpareTries;
  return {
    acquireInitialRetryToken: async () => tokenOf(0),
    async refreshRetryTokenForRetry(token, { errorType, error }) {
      const tries = token.getRetryCount() + 1;
      if (errorType !== "TRANSIENT" || isSilence(error) || tries >= mostTries || spareTries === 0) {
        throw new Error("not to be tried again");
      }
      spareTries -= 1;
      return tokenOf(tries);
    },
    recordSuccess() {
      spareTries = Math.min(mostSpareTries, spareTries + 1);
    },
  };
}

function tokenOf(retries: number): RetryToken {
  return { getRetryCount: () => retries, getRetryDelay: () => Math.max(0, retries - 1) * pauseMs };
}

const isSilence = (error: unknown) => error instanceof Error && "code" in error && error.code === "ETIMEDOUT";
