import { deadline, untilAborted } from "../../runtime/abort.ts";
import type { Clock } from "../../runtime/clock.ts";
import { reasonOf } from "../../runtime/logger.ts";
import { ReplicaError } from "./replica.ts";

/** Which replica to try next. */
export interface ReplicaChoice {
  /**
   * A random one of those that DNS names now and that were not tried in this round.
   * @param preferred taken where it is still named
   * Rejects with {@link ReplicaError} where DNS has never named any, or with the signal's reason.
   */
  next(preferred: string | undefined, signal: AbortSignal): Promise<string>;
  /** The replica serves: the others may be tried again after it. */
  serves(address: string): void;
}

export interface ReplicaChoiceOptions {
  readonly resolve: () => Promise<readonly string[]>;
  readonly random: () => number;
  readonly clock: Clock;
}

/** DNS's own retries take longer; what it said before serves meanwhile. */
const resolvePatienceMs = 2_000;

export function createReplicaChoice({ resolve, random, clock }: ReplicaChoiceOptions): ReplicaChoice {
  const tried = new Set<string>();
  let known: readonly string[] = [];
  let last: string | undefined;

  async function lookUp(signal: AbortSignal): Promise<readonly string[]> {
    using limit = deadline(resolvePatienceMs, clock, signal);
    try {
      const addresses = await untilAborted(resolve(), limit.signal);
      known = addresses.length === 0 ? known : addresses;
    } catch (error) {
      signal.throwIfAborted();
      if (known.length === 0) {
        throw new ReplicaError("not-ready", `the servers' name can't be resolved: ${reasonOf(error)}`, {
          cause: error,
        });
      }
    }
    return known;
  }

  function untried(addresses: readonly string[]): readonly string[] {
    const left = addresses.filter((address) => !tried.has(address));
    if (left.length > 0) {
      return left;
    }
    tried.clear();
    return addresses.length > 1 ? addresses.filter((address) => address !== last) : addresses;
  }

  return {
    async next(preferred, signal) {
      const addresses = await lookUp(signal);
      const candidates = untried(addresses);
      const chosen =
        preferred !== undefined && addresses.includes(preferred)
          ? preferred
          : candidates[Math.floor(random() * candidates.length)];
      if (chosen === undefined) {
        throw new ReplicaError("not-ready", "the servers' name has no address");
      }
      tried.add(chosen);
      last = chosen;
      return chosen;
    },
    serves(address) {
      tried.clear();
      tried.add(address);
    },
  };
}
