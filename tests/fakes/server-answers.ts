import type { AskOptions, AskOutcome, AskServer } from "../../src/agent/credentials/ask.ts";
import type { IpAddress } from "../../src/domain/ip-address.ts";

export interface Question {
  readonly address: IpAddress;
  readonly options: AskOptions;
  readonly signal: AbortSignal;
  answer(outcome: AskOutcome): void;
  fail(error: Error): void;
}

export interface FakeServerAnswers {
  readonly ask: AskServer;
  /** All that was asked, in order. */
  readonly questions: readonly Question[];
  /** The newest. */
  readonly question: Question;
}

/** Servers that answer when the test says so. */
export function createServerAnswers(): FakeServerAnswers {
  const questions: Question[] = [];
  return {
    questions,
    get question() {
      const newest = questions.at(-1);
      if (newest === undefined) {
        throw new Error("nothing was asked");
      }
      return newest;
    },
    ask(address, options, signal) {
      const { promise, resolve, reject } = Promise.withResolvers<AskOutcome>();
      questions.push({ address, options, signal, answer: resolve, fail: reject });
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      return promise;
    },
  };
}
