import type { NodePod, RemovedPod } from "../../domain/node-pod.ts";
import { incomparable, type ObjectVersion, versionOrder } from "../../domain/object-version.ts";
import type { PodUid } from "../../domain/pod.ts";
import type { Clock } from "../../runtime/clock.ts";
import { createHeardVersions } from "./heard-versions.ts";
import { createHearsay } from "./hearsay.ts";
import { createPodIndex, type PodIndex } from "./pod-index.ts";

/** The node's pods as this agent believes them to be, of what streams and single answers tell. */
export interface BelievedPods extends Pick<PodIndex, "size" | "uids" | "owner" | "claimants"> {
  /** A stream's snapshot. @param podsVersion up to which the stream has heard of pods */
  replaceAll(told: readonly NodePod[], podsVersion: ObjectVersion): void;
  change(told: readonly NodePod[], gone: readonly RemovedPod[], podsVersion: ObjectVersion): void;
  /** Takes away what the stream should have told of by now. Whether there was any. */
  dropOverdue(podsVersion: ObjectVersion): boolean;
  beginQuestion(): PodQuestion;
  remove(uid: PodUid): void;
}

/** A question that a server is being asked. Dispose it when it is over. */
export interface PodQuestion extends Disposable {
  admit(pod: NodePod): void;
}

export interface BelievedPodsOptions {
  readonly clock: Pick<Clock, "now">;
  /** Told after each change. */
  readonly onChange: (before: NodePod | undefined, after: NodePod | undefined) => void;
}

/** What the stream spoke of while a question was open. */
interface HeardMeanwhile {
  snapshot: boolean;
  readonly pods: Set<PodUid>;
}

/** A pod, and who told of it. */
type HeldPod = { readonly by: "nobody" } | { readonly by: "stream" | "hearsay"; readonly pod: NodePod };

export function createBelievedPods({ clock, onChange }: BelievedPodsOptions): BelievedPods {
  const pods = createPodIndex();
  const hearsay = createHearsay(clock);
  const heard = createHeardVersions(clock);
  const questions = new Set<HeardMeanwhile>();
  /** Up to which the stream has heard of pods. */
  let podsVersion = incomparable;

  function put(pod: NodePod): void {
    const before = pods.get(pod.uid);
    pods.put(pod);
    heard.believed(pod);
    onChange(before, pod);
  }

  function remove(uid: PodUid): void {
    const before = pods.get(uid);
    pods.remove(uid);
    hearsay.confirm(uid);
    heard.forget(uid);
    onChange(before, undefined);
  }

  function hear(uid: PodUid): void {
    for (const question of questions) {
      question.pods.add(uid);
    }
  }

  function believe(told: NodePod): void {
    const word = heard.weigh(told, pods.get(told.uid));
    if (word !== undefined) {
      put(word);
    }
  }

  function removeMissing(uid: PodUid): void {
    remove(uid);
    if (podsVersion !== incomparable) {
      heard.missing(uid, podsVersion);
    }
  }

  function replaceAll(told: readonly NodePod[], heardUpTo: ObjectVersion): void {
    podsVersion = heardUpTo;
    const live = told.filter((pod) => heard.isGone(pod, podsVersion) === false);
    live.forEach(believe);
    live.forEach(({ uid }) => void hearsay.confirm(uid));
    const named = new Set(live.map(({ uid }) => uid));
    for (const pod of [...pods.all()].filter(({ uid }) => !named.has(uid))) {
      if (heard.isAhead(pod, podsVersion)) {
        hearsay.note(pod.uid, pod.versions.pod);
      } else {
        removeMissing(pod.uid);
      }
    }
    for (const question of questions) {
      question.snapshot = true;
    }
  }

  function change(told: readonly NodePod[], gone: readonly RemovedPod[], heardUpTo: ObjectVersion): void {
    podsVersion = heardUpTo;
    for (const pod of told) {
      hear(pod.uid);
      if (heard.isGone(pod, podsVersion) !== true) {
        heard.back(pod.uid); // Where versions say nothing, whoever removed it was mistaken.
        hearsay.confirm(pod.uid);
        believe(pod);
      }
    }
    for (const pod of gone) {
      hear(pod.uid);
      takeAway(pod);
    }
  }

  function takeAway(gone: RemovedPod): void {
    const held = pods.get(gone.uid);
    if (held !== undefined && heard.isAhead(held, gone.version)) {
      hearsay.note(held.uid, held.versions.pod); // It has come back since, as somebody else told.
    } else {
      heard.gone(gone);
      remove(gone.uid);
    }
  }

  function dropOverdue(heardUpTo: ObjectVersion): boolean {
    podsVersion = heardUpTo;
    const overdue = hearsay.overdue(podsVersion);
    overdue.forEach(removeMissing);
    return overdue.length > 0;
  }

  /** What an answer tells of a pod; `undefined` for nothing. */
  function newsOf(pod: NodePod, held: HeldPod, meanwhile: HeardMeanwhile): NodePod | undefined {
    if (heard.isGone(pod, pod.versions.pod) !== false) {
      return undefined;
    }
    const order = versionOrder(pod.versions.pod, podsVersion);
    if (order === undefined) {
      return isOverruled(pod, held, meanwhile) ? undefined : pod;
    }
    switch (held.by) {
      case "nobody": // Of a pod that it has heard of the stream has told, unless the pod is gone.
        return order === 1 ? heard.weigh(pod, undefined) : undefined;
      case "stream":
        return isEqualGrant(pod, held.pod) ? undefined : heard.weigh(pod, held.pod);
      case "hearsay":
        return heard.weigh(pod, held.pod);
      default:
        return held satisfies never;
    }
  }

  function heldPod(uid: PodUid): HeldPod {
    const pod = pods.get(uid);
    return pod === undefined ? { by: "nobody" } : { by: hearsay.has(uid) ? "hearsay" : "stream", pod };
  }

  function takeAnswer(pod: NodePod, meanwhile: HeardMeanwhile): void {
    const held = heldPod(pod.uid);
    const news = newsOf(pod, held, meanwhile);
    if (news === undefined) {
      return;
    }
    put(news);
    if (held.by !== "stream") {
      hearsay.note(news.uid, news.versions.pod);
    }
  }

  return {
    get size() {
      return pods.size;
    },
    uids: pods.uids,
    owner: pods.owner,
    claimants: pods.claimants,
    replaceAll,
    change,
    dropOverdue,
    beginQuestion() {
      const meanwhile: HeardMeanwhile = { snapshot: false, pods: new Set() };
      questions.add(meanwhile);
      return {
        admit: (pod) => takeAnswer(pod, meanwhile),
        [Symbol.dispose]: () => questions.delete(meanwhile),
      };
    },
    remove,
  };
}

/** Of one version, where servers need not say the same: their flags may differ. */
function isEqualGrant({ versions, decision }: NodePod, held: NodePod): boolean {
  const isEqual = versions.pod === held.versions.pod && versions.namespace === held.versions.namespace;
  return isEqual && decision.kind === "allowed";
}

/** Where versions don't tell: by the stream, which has told of the pod or has spoken meanwhile; but not a denial. */
function isOverruled({ uid, decision }: NodePod, { by }: HeldPod, meanwhile: HeardMeanwhile): boolean {
  return meanwhile.snapshot || meanwhile.pods.has(uid) || (by === "stream" && decision.kind === "allowed");
}
