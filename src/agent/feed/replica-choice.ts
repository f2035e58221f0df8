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
  /**
   * The same among those that are not known to have no node service; `undefined` where all that DNS names are.
   */
  nextUnasked(signal: AbortSignal): Promise<string | undefined>;
  /** The replica has no node service: it comes after the others, and is asked for it again in about a minute. */
  lacksNodeService(address: string): void;
  /** Another server may stand at each address by now. */
  askAnew(): void;
  /** The replica serves: the others may be tried again after it. */
  serves(address: string): void;
}

export interface ReplicaChoiceOptions {
  readonly resolve: () => Promise<readonly string[]>;
  readonly random: () => number;
  readonly clock: Clock;
}

/** A server that is replaced at its own address, or behind a virtual one, is noticed in that time, give or take a quarter. */
const askAgainAfterMs = 60_000;

/** DNS's own retries take longer; what it said before serves meanwhile. */
const resolvePatienceMs = 2_000;

export function createReplicaChoice({ resolve, random, clock }: ReplicaChoiceOptions): ReplicaChoice {
  const tried = new Set<string>();
  /** Those without the node service, and when to ask them for it again. */
  const lacking = new Map<string, number>();
  let known: readonly string[] = [];
  let last: string | undefined;

  async function lookUp(signal: AbortSignal): Promise<readonly string[]> {
    using limit = deadline(resolvePatienceMs, clock, signal);
    try {
      const addresses = await untilAborted(resolve(), limit.signal);
      known = addresses.length === 0 ? known : addresses;
      [...lacking.keys()].filter((address) => !known.includes(address)).forEach(forgetLack);
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

  function forgetLack(address: string): void {
    lacking.delete(address);
  }

  function unasked(addresses: readonly string[]): readonly string[] {
    return addresses.filter((address) => clock.now() >= (lacking.get(address) ?? 0));
  }

  function choose(candidates: readonly string[]): string | undefined {
    const chosen = candidates[Math.floor(random() * candidates.length)];
    if (chosen !== undefined) {
      tried.add(chosen);
      last = chosen;
    }
    return chosen;
  }

  return {
    async next(preferred, signal) {
      const addresses = await lookUp(signal);
      const candidates = untried(addresses);
      const first = unasked(candidates);
      const isNamed = preferred !== undefined && addresses.includes(preferred);
      const chosen = choose(isNamed ? [preferred] : first.length > 0 ? first : candidates);
      if (chosen === undefined) {
        throw new ReplicaError("not-ready", "the servers' name has no address");
      }
      return chosen;
    },
    nextUnasked: async (signal) => choose(untried(unasked(await lookUp(signal)))),
    lacksNodeService(address) {
      lacking.set(address, clock.now() + askAgainAfterMs * (0.75 + random() / 2));
    },
    askAnew: () => lacking.clear(),
    serves(address) {
      tried.clear();
      tried.add(address);
    },
  };
}
