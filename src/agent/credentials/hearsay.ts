import { type ObjectVersion, versionOrder } from "../../domain/object-version.ts";
import type { PodUid } from "../../domain/pod.ts";
import type { Clock } from "../../runtime/clock.ts";

/**
 * The pods that the stream has not told of yet: single answers brought them, or a former stream whose replica was ahead of this
 * one's. Streams leave out a pod that came and went before they could tell of it: nobody would ever take such a pod back.
 */
export interface Hearsay {
  has(uid: PodUid): boolean;
  /** @param version of the pod; a stream that has heard of newer ones, and not told of the pod, knows that it is gone */
  note(uid: PodUid, version: ObjectVersion): void;
  /** The stream has told of the pod: from now on it tells what becomes of it. */
  confirm(uid: PodUid): void;
  /** The pods that the stream should have told of by now. @param podsVersion up to which it has heard of pods */
  overdue(podsVersion: ObjectVersion): readonly PodUid[];
}

/** Where versions say nothing: a stream that is well tells of a pod within milliseconds of the answer. */
const longestMs = 10_000;

/** Where a stream is behind for longer, its word counts. */
const longestBehindMs = 3_600_000;

export function createHearsay(clock: Pick<Clock, "now">): Hearsay {
  const noted = new Map<PodUid, { readonly version: ObjectVersion; readonly atMs: number }>();
  return {
    has: (uid) => noted.has(uid),
    note: (uid, version) => void noted.set(uid, { version, atMs: clock.now() }),
    confirm: (uid) => void noted.delete(uid),
    overdue(podsVersion) {
      const isOverdue = (version: ObjectVersion, ageMs: number): boolean => {
        const order = versionOrder(version, podsVersion);
        return order === undefined ? ageMs >= longestMs : order <= 0 || ageMs >= longestBehindMs;
      };
      return [...noted].flatMap(([uid, { version, atMs }]) => (isOverdue(version, clock.now() - atMs) ? [uid] : []));
    },
  };
}
