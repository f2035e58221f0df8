import type { IpAddress } from "../../domain/ip-address.ts";
import { reasonOf } from "../../runtime/logger.ts";
import type { AgentMetrics } from "../metrics.ts";
import type { AskOptions, AskOutcome, AskServer } from "./ask.ts";
import { createFlights } from "./flights.ts";
import type { CredentialStore } from "./store.ts";

export interface QuestionOptions {
  readonly store: Pick<CredentialStore, "beginQuestion">;
  readonly ask: AskServer;
  readonly metrics: Pick<AgentMetrics, "lookups">;
}

/** {@link AskServer} as lookups use it: once for all who want to know the same, and the store takes in what it brings. */
export function askIntoStore({ store, ask, metrics }: QuestionOptions): AskServer {
  const flights = createFlights<AskOutcome>();

  async function askOnce(address: IpAddress, options: AskOptions, signal: AbortSignal): Promise<AskOutcome> {
    metrics.lookups.inc();
    using question = store.beginQuestion();
    const outcome = await outcomeOf(address, options, signal);
    if (outcome.kind === "answer") {
      question.admit(outcome.answer);
    }
    return outcome;
  }

  async function outcomeOf(address: IpAddress, options: AskOptions, signal: AbortSignal): Promise<AskOutcome> {
    try {
      const outcome = await ask(address, options, signal);
      const isForeign = outcome.kind === "answer" && !outcome.answer.pod.addresses.includes(address);
      return isForeign
        ? { kind: "unavailable", reason: `a server answered for ${address} with a pod that does not have it` }
        : outcome;
    } catch (error) {
      signal.throwIfAborted();
      return { kind: "unavailable", reason: reasonOf(error) };
    }
  }

  return (address, options, signal) =>
    flights.join(
      `${options.withCredentials ? "credentials" : "pod"} ${address}`,
      (flightSignal) => askOnce(address, options, flightSignal),
      signal,
    );
}
