import { deadline, neverAborted } from "../../runtime/abort.ts";
import type { Clock } from "../../runtime/clock.ts";
import { type Logger, reasonOf } from "../../runtime/logger.ts";
import type { Task } from "../../runtime/tasks.ts";
import type { RedirectState } from "./look.ts";
import type { Redirect } from "./redirect.ts";
import { createSilenceWatch } from "./silence.ts";

export interface GuardOptions {
  /** Each is looked after whatever becomes of the others. */
  readonly redirects: readonly Redirect[];
  readonly clock: Clock;
  readonly logger: Logger;
  /** Counts the repairs. */
  readonly repairs: { inc(): void };
  /** How many pods with roles are live on the node. */
  readonly podsWithRoles: () => number;
}

/** What is broken is whole again within 5 s: this, and up to 2 s for the programs on a busy node. */
const checkEveryMs = 3_000;

/** A look takes 5 ms, a repair 20 ms; each process waits 10 s for the lock at most. */
const giveUpAfterMs = 15_000;

/** How many looks after each time that it was put in place cut the connections that still go past it. */
const cutsAfterwards = 2;

/** Looks after the redirects until aborted: CNIs, firewalls and people flush tables. A failure is logged, and tried again. */
export function guardRedirects(options: GuardOptions): Task {
  const { redirects, clock, logger, podsWithRoles } = options;
  const silence = createSilenceWatch();
  const looks = redirects.map((redirect) => createLook(redirect, options));

  return async (signal) => {
    for (;;) {
      await clock.sleep(checkEveryMs, signal);
      using limit = deadline(giveUpAfterMs, clock, signal);
      const packets = await Promise.all(looks.map((look) => look(limit.signal)));
      signal.throwIfAborted();
      const inForce = packets.filter((count) => count !== undefined);
      if (inForce.length < looks.length) {
        continue;
      }
      const seen = inForce.reduce((sum, count) => sum + count, 0);
      if (silence.notice(seen, podsWithRoles(), clock.now())) {
        logger.warn(
          "no packet has come through the redirect in ten minutes though pods with roles are live: is it the right --host-interface, and does the network (Cilium, Calico eBPF) use iptables at all?",
        );
      }
    }
  };
}

/** A look at one redirect answers how many packets came through it; `undefined` where it was not in force, or could not be looked at. */
function createLook(redirect: Redirect, { clock, logger, repairs }: GuardOptions) {
  let lastFailure: string | undefined;
  let cutsLeft = cutsAfterwards;

  async function look(signal: AbortSignal): Promise<number | undefined> {
    const state = await redirect.check(signal);
    if (state.kind === "in-force") {
      if (cutsLeft > 0) {
        await redirect.cutEscaped(signal);
        cutsLeft -= 1;
      }
      return state.packets;
    }
    logger.warn(`${explain(redirect.title, state)}: putting it first again`);
    // Not cut short by the end of the agent: what comes in place after the removal would stay.
    using limit = deadline(giveUpAfterMs, clock, neverAborted());
    await redirect.repair(limit.signal);
    repairs.inc();
    cutsLeft = cutsAfterwards;
    return undefined;
  }

  return async (signal: AbortSignal): Promise<number | undefined> => {
    try {
      const packets = await look(signal);
      lastFailure = undefined;
      return packets;
    } catch (error) {
      const failure = reasonOf(error);
      if (failure !== lastFailure && !signal.aborted) {
        logger.error(`cannot look after ${redirect.title}: ${failure}`);
      }
      lastFailure = failure;
      return undefined;
    }
  };
}

function explain(title: string, state: Exclude<RedirectState, { kind: "in-force" }>): string {
  switch (state.kind) {
    case "missing":
      return `${title} is gone or changed`;
    case "shadowed":
      return `the rule ${state.by} takes pods' packets before ${title} does`;
    default:
      return state satisfies never;
  }
}
