import type { NodePod, RemovedPod } from "../../domain/node-pod.ts";
import { newerVersion, type ObjectVersion, versionOrder } from "../../domain/object-version.ts";
import type { PodUid } from "../../domain/pod.ts";
import type { Clock } from "../../runtime/clock.ts";
import { createRecentMap } from "../../runtime/recent-map.ts";
import { newestWord, unsure } from "./newest-word.ts";

/**
 * Which versions this agent has heard of, so that a replica which is behind takes nothing back. For an hour: then the newest
 * word counts, because a server may have been mistaken, and an API server may come from a backup.
 */
export interface HeardVersions {
  /**
   * What to believe of a pod that is told of; `undefined` where what is held is newer.
   * @param held what is believed of it so far
   */
  weigh(come: NodePod, held: NodePod | undefined): NodePod | undefined;
  /** The pod is believed to be so from now on. */
  believed(pod: NodePod): void;
  /** Nothing is held of the pod any more. */
  forget(uid: PodUid): void;
  /** Whether a pod, as it is held, is newer than all that somebody knows who has heard of pods up to this version. */
  isAhead(pod: NodePod, podsVersion: ObjectVersion): boolean;
  /** A stream has removed the pod. */
  gone(removed: RemovedPod): void;
  /** A server that had heard of pods up to this version knew nothing of the pod. */
  missing(uid: PodUid, podsVersion: ObjectVersion): void;
  /** A stream has told of a pod that it, or another, had removed, and is to be believed. */
  back(uid: PodUid): void;
  /**
   * Whether the pod is known to be gone, whoever tells of it.
   * @param podsVersion up to which the teller has heard of pods
   * @returns `undefined` where the pod was removed and versions say nothing
   */
  isGone(pod: NodePod, podsVersion: ObjectVersion): boolean | undefined;
}

interface Gone {
  readonly version: ObjectVersion;
  /** Whether somebody had it that was gone then, or nobody knew of it at that time. */
  readonly how: "removed" | "missing";
  readonly atMs: number;
}

/** A server's mistake, and what was remembered before an API server came back from a backup, last so long. */
const rememberedMs = 3_600_000;

const mostGone = 4_096;
const mostNamespaces = 1_024;

export function createHeardVersions(clock: Pick<Clock, "now">): HeardVersions {
  const heard = new Map<PodUid, { readonly versions: NodePod["versions"]; readonly atMs: number }>();
  /** What was told of pods whose decisions are in doubt. */
  const doubted = new Map<PodUid, NodePod>();
  const goneByUid = createRecentMap<PodUid, Gone>(mostGone);
  const namespaces = createRecentMap<string, { readonly version: ObjectVersion; readonly atMs: number }>(
    mostNamespaces,
  );

  const isRecent = (entry: { readonly atMs: number } | undefined): boolean =>
    entry !== undefined && clock.now() - entry.atMs < rememberedMs;

  /** A role that a pod has not had may have been forbidden since by its namespace, of which other pods' decisions tell. */
  function mayBeForbidden({ namespace, decision, versions }: NodePod, held: NodePod | undefined): boolean {
    const newest = namespaces.get(namespace);
    if (decision.kind !== "allowed" || newest === undefined || !isRecent(newest)) {
      return false;
    }
    const isHeld = held?.decision.kind === "allowed" && held.decision.role === decision.role;
    return !isHeld && versionOrder(versions.namespace, newest.version) === -1;
  }

  function noteNamespace({ namespace, versions }: NodePod): void {
    const known = namespaces.get(namespace);
    if (known === undefined || !isRecent(known) || newerVersion(versions.namespace, known.version) !== known.version) {
      namespaces.set(namespace, { version: versions.namespace, atMs: clock.now() });
    }
  }

  return {
    weigh(come, held) {
      noteNamespace(come);
      const known = doubted.get(come.uid) ?? held;
      const word =
        known !== undefined && isRecent(heard.get(come.uid)) ? newestWord(come, known) : { pod: come, isSure: true };
      if (word.isSure && word.pod === known) {
        return undefined;
      }
      if (word.isSure && !mayBeForbidden(word.pod, held)) {
        doubted.delete(come.uid);
        return word.pod;
      }
      doubted.set(come.uid, word.pod);
      return unsure(word.pod);
    },
    believed(pod) {
      const { uid, versions } = pod;
      const known = heard.get(uid)?.versions;
      if (known?.pod !== versions.pod || known.namespace !== versions.namespace) {
        heard.set(uid, { versions, atMs: clock.now() });
      }
      noteNamespace(pod);
    },
    forget(uid) {
      heard.delete(uid);
      doubted.delete(uid);
    },
    isAhead: ({ uid, versions }, podsVersion) =>
      isRecent(heard.get(uid)) && versionOrder(versions.pod, podsVersion) === 1,
    gone: ({ uid, version }) => goneByUid.set(uid, { version, how: "removed", atMs: clock.now() }),
    missing: (uid, version) => goneByUid.set(uid, { version, how: "missing", atMs: clock.now() }),
    back: (uid) => goneByUid.delete(uid),
    isGone({ uid, versions }, podsVersion) {
      const known = goneByUid.get(uid);
      if (known === undefined || !isRecent(known)) {
        return false;
      }
      const order =
        known.how === "removed" ? versionOrder(versions.pod, known.version) : versionOrder(podsVersion, known.version);
      return order === undefined ? undefined : known.how === "removed" ? order <= 0 : order < 0;
    },
  };
}
