import { deadline, neverAborted } from "../../runtime/abort.ts";
import type { Clock } from "../../runtime/clock.ts";
import { type Logger, reasonOf } from "../../runtime/logger.ts";
import type { Task } from "../../runtime/tasks.ts";
import type { Redirect, RedirectState } from "./redirect.ts";
import { createSilenceWatch } from "./silence.ts";

export interface GuardOptions {
  readonly redirect: Redirect;
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

/** Looks after the redirect until aborted: CNIs, firewalls and people flush tables. A failure is logged, and tried again. */
export function guardRedirect(options: GuardOptions): Task {
  const { redirect, clock, logger } = options;
  const silence = createSilenceWatch();
  let lastFailure: string | undefined;
  let cutsLeft = cutsAfterwards;

  async function look(signal: AbortSignal): Promise<void> {
    const state = await redirect.check(signal);
    if (state.kind === "in-force") {
      if (silence.notice(state.packets, options.podsWithRoles(), clock.now())) {
        logger.warn(
          "no packet has come through the redirect in ten minutes though pods with roles are live: is it the right --host-interface, and does the network (Cilium, Calico eBPF) use iptables at all?",
        );
      }
      if (cutsLeft > 0) {
        await redirect.cutEscaped(signal);
        cutsLeft -= 1;
      }
      return;
    }
    logger.warn(`${explain(state)}: putting it first again`);
    // Not cut short by the end of the agent: what comes in place after the removal would stay.
    using limit = deadline(giveUpAfterMs, clock, neverAborted());
    await redirect.repair(limit.signal);
    options.repairs.inc();
    cutsLeft = cutsAfterwards;
  }

  return async (signal) => {
    for (;;) {
      await clock.sleep(checkEveryMs, signal);
      using limit = deadline(giveUpAfterMs, clock, signal);
      try {
        await look(limit.signal);
        lastFailure = undefined;
      } catch (error) {
        signal.throwIfAborted();
        const failure = reasonOf(error);
        if (failure !== lastFailure) {
          logger.error(`cannot look after the redirect: ${failure}`);
        }
        lastFailure = failure;
      }
    }
  };
}

function explain(state: Exclude<RedirectState, { kind: "in-force" }>): string {
  switch (state.kind) {
    case "missing":
      return "the redirect is gone or changed";
    case "shadowed":
      return `the rule ${state.by} takes pods' packets before the redirect does`;
    default:
      return state satisfies never;
  }
}
