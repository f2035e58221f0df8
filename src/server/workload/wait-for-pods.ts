import { type Deadline, deadline, untilAborted } from "../../runtime/abort.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { PodChange, PodStore } from "./pods.ts";

export interface WaitForPodsDependencies {
  readonly pods: Pick<PodStore, "changes">;
  readonly clock: Clock;
}

/**
 * What `look` finds: at once, or after a change of the pods that `concerns` it. `undefined` where it has found nothing
 * after `waitMs`. Rejects only with the signal's reason.
 */
export async function waitForPods<Found>(
  { pods, clock }: WaitForPodsDependencies,
  { look, concerns }: { readonly look: () => Found | undefined; readonly concerns: (change: PodChange) => boolean },
  waitMs: number,
  signal: AbortSignal,
): Promise<Found | undefined> {
  const known = look();
  if (known !== undefined) {
    return known;
  }
  const { promise: found, resolve } = Promise.withResolvers<void>();
  using _listener = pods.changes.add((change) => {
    if (concerns(change) && look() !== undefined) {
      resolve();
    }
  });
  using waiting = deadline(waitMs, clock, signal);
  await unlessPassed(found, waiting);
  return look();
}

async function unlessPassed(promise: Promise<void>, waiting: Deadline): Promise<void> {
  try {
    await untilAborted(promise, waiting.signal);
  } catch (error) {
    if (!waiting.passed) {
      throw error;
    }
  }
}
