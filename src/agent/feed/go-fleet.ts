import { deadline, untilAborted } from "../../runtime/abort.ts";
import type { Clock } from "../../runtime/clock.ts";
import { createListeners, type Listeners } from "../../runtime/listeners.ts";
import type { GoServers, NotInUse } from "../credentials/go-servers.ts";
import type { CredentialStore } from "../credentials/store.ts";
import type { AgentMetrics } from "../metrics.ts";
import type { Lost, Replica } from "./replica.ts";

/** The Go server that serves while none with the node service does: one at a time. */
export interface GoFleet extends GoServers {
  /** Serves by this one from now on. It is retired when another takes its place, or none is needed. */
  use(replica: Replica): void;
  /** A server with the node service is there, or this agent ends. */
  leave(): void;
  /** Told when its connection failed or is to end: what stands at the address after it may be another server. */
  readonly losses: Pick<Listeners<void>, "add">;
}

export interface GoFleetOptions {
  readonly store: Pick<CredentialStore, "setAside" | "forget">;
  /** When the node service was last heard, milliseconds since the Unix epoch; 0 for never. */
  readonly heardAtMs: () => number;
  readonly metrics: Pick<AgentMetrics, "goServerInUse" | "feedHeardSeconds">;
  readonly clock: Clock;
}

/** A role is in the server's memory; SDKs give up after one second, and before that somebody else has to be asked. */
const roleWithinMs = 400;

/** Longer than any STS call that is going to succeed, and than most SDKs wait. */
const credentialsWithinMs = 5_000;

/** A call that the connection failed is made once more: connections come to their age in the middle of calls. */
const tries = 2;

/**
 * How long after its last word what the node service said may serve again, should the Go servers fail. Meanwhile they know
 * of pods that have gone, and can't tell.
 */
const storeOutlivesStreamMs = 60_000;

/** The server that serves, and what holds while it does. */
interface Serving {
  readonly replica: Replica;
  readonly meanwhile: DisposableStack;
}

export function createGoFleet({ store, heardAtMs, metrics, clock }: GoFleetOptions): GoFleet {
  const changes = createListeners<void>();
  const losses = createListeners<void>();
  let serving: Serving | undefined;
  /** How often servers with the node service have come. */
  let departures = 0;

  function replaceBy(next: Serving | undefined): void {
    const former = serving;
    serving = next;
    former?.replica.retire();
    former?.meanwhile.dispose();
    metrics.goServerInUse.set(next === undefined ? 0 : 1);
    if ((former === undefined) !== (next === undefined)) {
      changes.tell();
    }
  }

  async function call<Answer extends { readonly kind: string }>(
    ask: (replica: Replica) => Promise<Answer | Lost>,
    limit: AbortSignal,
  ): Promise<Answer | NotInUse> {
    const before = departures;
    let failed: Replica | undefined;
    for (let attempt = 0; attempt < tries && serving !== undefined; attempt += 1) {
      failed = serving.replica;
      const answer = await untilAborted(ask(failed), limit);
      if (departures !== before) {
        break; // The store knows more by now, and the pod is decided on by others.
      }
      if (!isLost(answer)) {
        metrics.feedHeardSeconds.set(clock.now() / 1_000);
        return answer;
      }
      losses.tell();
    }
    giveUp(failed);
    return { kind: "not-in-use" };
  }

  /** Another may serve already. */
  function giveUp(replica: Replica | undefined): void {
    if (replica !== undefined && replica === serving?.replica) {
      replaceBy(undefined);
      losses.tell();
    }
  }

  return {
    get inUse() {
      return serving !== undefined;
    },
    changes,
    losses,
    async role(address, signal) {
      using limit = deadline(roleWithinMs, clock, signal);
      const asked = serving?.replica;
      try {
        return await call((replica) => replica.go.role(address, limit.signal), limit.signal);
      } catch (error) {
        if (!limit.passed) {
          throw error;
        }
        giveUp(asked);
        return { kind: "not-in-use" };
      }
    },
    async credentials(request, signal) {
      using limit = deadline(credentialsWithinMs, clock, signal);
      try {
        return await call((replica) => replica.go.credentials(request, limit.signal), limit.signal);
      } catch (error) {
        if (!limit.passed) {
          throw error;
        }
        return { kind: "failed", reason: `no credentials came within ${credentialsWithinMs} ms` };
      }
    },
    use(replica) {
      const meanwhile = new DisposableStack();
      meanwhile.use(store.setAside());
      meanwhile.use(clock.after(heardAtMs() + storeOutlivesStreamMs - clock.now(), store.forget));
      replaceBy({ replica, meanwhile });
      void Promise.race([replica.sentAway, replica.closed]).then(() => {
        if (replica === serving?.replica) {
          losses.tell();
        }
      });
    },
    leave() {
      if (serving !== undefined) {
        departures += 1;
        replaceBy(undefined);
      }
    },
  };
}

function isLost(answer: { readonly kind: string }): answer is Lost {
  return answer.kind === "lost";
}
