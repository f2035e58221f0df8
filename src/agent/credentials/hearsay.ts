import type { PodUid } from "../../domain/pod.ts";
import type { Clock } from "../../runtime/clock.ts";

/**
 * The pods that single answers brought and the stream has not told of yet. Streams leave out a pod that came and went before
 * they could tell of it, and an answer may be another replica's: nobody would ever take such a pod back.
 */
export interface Hearsay {
  has(uid: PodUid): boolean;
  note(uid: PodUid): void;
  /** The stream has told of the pod: from now on it tells what becomes of it. */
  confirm(uid: PodUid): void;
  /** The pods that the stream should have told of by now. */
  overdue(): readonly PodUid[];
}

/** A stream that is well tells of a pod within milliseconds of the answer. */
const longestMs = 10_000;

export function createHearsay(clock: Pick<Clock, "now">): Hearsay {
  const notedAtMs = new Map<PodUid, number>();
  return {
    has: (uid) => notedAtMs.has(uid),
    note: (uid) => void notedAtMs.set(uid, clock.now()),
    confirm: (uid) => void notedAtMs.delete(uid),
    overdue: () => [...notedAtMs].filter(([, atMs]) => clock.now() - atMs >= longestMs).map(([uid]) => uid),
  };
}
