import { deadline } from "../runtime/abort.ts";
import type { Clock } from "../runtime/clock.ts";

export type HealthAnswer =
  | { readonly kind: "ok"; readonly message: string }
  | { readonly kind: "failed"; readonly reason: string };

/** Asks a server once how it is. Rejects only with the signal's reason. */
export type AskHealth = (signal: AbortSignal) => Promise<HealthAnswer>;

/** The Go release's pause between two questions. */
const pauseMs = 100;

/**
 * Asks until a server is well or the time is up, and answers the last answer that came. A failure that is only the time
 * running out never hides what a server said before.
 */
export async function checkHealth(
  ask: AskHealth,
  timeoutMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<HealthAnswer> {
  using limit = deadline(timeoutMs, clock, signal);
  let last: HealthAnswer = { kind: "failed", reason: `no answer within ${timeoutMs} ms` };
  try {
    while (true) {
      const answer = await ask(limit.signal);
      limit.signal.throwIfAborted();
      last = answer;
      if (answer.kind === "ok") {
        return answer;
      }
      await clock.sleep(pauseMs, limit.signal);
    }
  } catch (error) {
    if (!limit.signal.aborted) {
      throw error;
    }
    return signal.aborted ? { kind: "failed", reason: "interrupted" } : last;
  }
}
