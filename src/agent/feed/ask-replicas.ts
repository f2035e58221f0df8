import { neverAborted, untilAborted } from "../../runtime/abort.ts";
import { reasonOf } from "../../runtime/logger.ts";
import type { AskServer } from "../credentials/ask.ts";
import type { OpenReplica, Replica } from "./replica.ts";
import type { ReplicaChoice } from "./replica-choice.ts";

/** Asks the replica whose stream is open; while there is none, or it has failed, another. */
export interface ReplicaAsker {
  readonly ask: AskServer;
  /** Closes what was opened for asking alone. */
  release(): void;
}

export interface ReplicaAskerOptions {
  /** The replica whose stream is open. */
  readonly current: () => Replica | undefined;
  readonly choice: Pick<ReplicaChoice, "next">;
  readonly openReplica: OpenReplica;
}

/** A call that the connection failed is made once more: both calls change nothing at the server. */
const tries = 2;

export function createReplicaAsker({ current, choice, openReplica }: ReplicaAskerOptions): ReplicaAsker {
  /** One connection for all questions while no stream is open. */
  let standby: Promise<Replica> | undefined;

  function openStandby(): Promise<Replica> {
    const opening = choice.next(undefined, neverAborted()).then(openReplica);
    opening.catch(() => {
      standby = standby === opening ? undefined : standby;
    });
    standby = opening;
    return opening;
  }

  /** The one whose stream is open is the best to ask, unless it has just failed. */
  async function pick(failed: Replica | undefined, signal: AbortSignal): Promise<Replica> {
    const streaming = current();
    return streaming !== undefined && streaming !== failed
      ? streaming
      : await untilAborted(standby ?? openStandby(), signal);
  }

  async function drop(replica: Replica): Promise<void> {
    const held = standby;
    if (held !== undefined && (await held.catch(() => undefined)) === replica) {
      standby = standby === held ? undefined : standby;
      replica.retire();
    }
  }

  return {
    async ask(address, options, signal) {
      let failed: Replica | undefined;
      let reason = "";
      for (let attempt = 0; attempt < tries; attempt += 1) {
        try {
          const replica = await pick(failed, signal);
          const outcome = await replica.ask(address, options, signal);
          if (outcome.kind !== "lost") {
            return outcome;
          }
          ({ reason } = outcome);
          failed = replica;
          await drop(replica);
        } catch (error) {
          signal.throwIfAborted();
          reason = reasonOf(error);
        }
      }
      return { kind: current() === undefined ? "unreachable" : "unavailable", reason };
    },
    release() {
      standby?.then(
        (replica) => replica.retire(),
        () => undefined,
      );
      standby = undefined;
    },
  };
}
