import { deadline } from "../../runtime/abort.ts";
import type { Clock } from "../../runtime/clock.ts";
import { reasonOf } from "../../runtime/logger.ts";
import { type Answer, answer, textAnswer } from "./answer.ts";
import type { ReadInstanceId } from "./instance-id.ts";

/** Answers `/health`. */
export type Health = (isDeep: boolean, signal: AbortSignal) => Answer | Promise<Answer>;

export interface HealthOptions {
  readonly readInstanceId: ReadInstanceId;
  /** Why this agent could serve no pod now; `undefined` while it can. */
  readonly problem: () => string | undefined;
  readonly clock: Clock;
}

/** A probe's own limit is a second by default. */
const patienceMs = 900;

/** The instance id is kept once it was read: it never changes, and the node's budget of metadata calls is everybody's. */
export function createHealth({ readInstanceId, problem, clock }: HealthOptions): Health {
  let kept: Answer | undefined;

  async function read(signal: AbortSignal): Promise<Answer> {
    using limit = deadline(patienceMs, clock, signal);
    try {
      kept = textAnswer(await readInstanceId(limit.signal));
      return kept;
    } catch (error) {
      return failed(reasonOf(error));
    }
  }

  return (isDeep, signal) => {
    const reason = isDeep ? problem() : undefined;
    return reason === undefined ? (kept ?? read(signal)) : failed(reason);
  };
}

function failed(reason: string): Answer {
  return answer(500, "text/plain", reason, {});
}
