import type { Owner } from "../../domain/address-owner.ts";
import type { Credentials } from "../../domain/credentials.ts";
import type { IpAddress } from "../../domain/ip-address.ts";
import type { IdentityState, NodePod, NodeUpdate, PodAnswer } from "../../domain/node-pod.ts";
import type { PodUid } from "../../domain/pod.ts";
import type { IdentityKey } from "../../domain/role-identity.ts";
import type { Clock } from "../../runtime/clock.ts";
import { createListeners, type Listeners } from "../../runtime/listeners.ts";
import { createRecentMap } from "../../runtime/recent-map.ts";
import type { AgentMetrics } from "../metrics.ts";
import { createHearsay } from "./hearsay.ts";
import { createIdentityIndex, type HeardFailure } from "./identity-index.ts";
import { createPodIndex, nobody } from "./pod-index.ts";

/** All that this agent knows of its node's pods and may hand to them. */
export interface CredentialStore {
  /** Whether a snapshot has ever come: before it, not knowing a pod says nothing. */
  readonly synced: boolean;
  /** Told after each change of what the store answers. */
  readonly changes: Pick<Listeners<void>, "add">;
  /**
   * Takes what a stream says. A snapshot decides which pods there are, but brings none back that a stream has removed: its
   * replica may be behind. Credentials that it does not carry take none away, nor does a failure; of two credentials the
   * later expiry wins; what no pod uses any more goes.
   */
  apply(update: NodeUpdate): void;
  /** Call it before asking a server about an address: an answer counts only where the stream said nothing newer meanwhile. */
  beginQuestion(): Question;
  /** Nobody while the store is set aside. */
  owner(address: IpAddress): Owner<NodePod>;
  /**
   * From now on nothing here says whose an address is, because nobody would tell this store that it has moved. Dispose it
   * when the store's word counts again.
   */
  setAside(): Disposable;
  /** Takes away the pods at an address, but for those that what a server said of it fits. */
  disown(address: IpAddress, fits?: (pod: NodePod) => boolean): void;
  /** Takes away everything: it is as before the first snapshot. */
  forget(): void;
  /** Never expired ones. */
  credentials(identity: IdentityKey): Credentials | undefined;
  /** Why a server last had no credentials; says nothing of those that are held. */
  failure(identity: IdentityKey): HeardFailure | undefined;
  /** Whether any pod could be handed credentials now. */
  holdsUnexpired(): boolean;
  /** How many pods may have a role. */
  readonly podsWithRoles: number;
}

/** A question that a server is being asked. Dispose it when it is over. */
export interface Question extends Disposable {
  /**
   * Takes the answer in, until the stream says otherwise or, in good time, says nothing of its pod. Of a pod that streams
   * have told of it takes the credentials, and that it may have none; what else is new the stream tells, because the replica
   * that was asked may be behind.
   */
  admit(answer: PodAnswer): void;
}

/** What the stream spoke of while a question was open. */
interface HeardMeanwhile {
  snapshot: boolean;
  readonly pods: Set<PodUid>;
}

/**
 * Pods that a stream has removed are remembered, so that a replica which is behind does not bring them back; not for ever,
 * in case that a server was mistaken.
 */
const mostRemoved = 4_096;
const removedForMs = 3_600_000;

export interface StoreOptions {
  readonly clock: Clock;
  readonly metrics: Pick<AgentMetrics, "storePods" | "storeIdentities">;
}

export function createCredentialStore({ clock, metrics }: StoreOptions): CredentialStore {
  const pods = createPodIndex();
  const identities = createIdentityIndex();
  const changes = createListeners<void>();
  const questions = new Set<HeardMeanwhile>();
  const removed = createRecentMap<PodUid, number>(mostRemoved);
  const hearsay = createHearsay(clock);
  let synced = false;
  let asides = 0;
  let podsWithRoles = 0;

  function put(pod: NodePod): void {
    const before = pods.get(pod.uid);
    pods.put(pod);
    retain(pod); // First the new use, then the old one's end: what both name is not dropped in between.
    release(before);
  }

  function remove(uid: PodUid): void {
    const before = pods.get(uid);
    pods.remove(uid);
    hearsay.confirm(uid);
    release(before);
  }

  function retain({ decision }: NodePod): void {
    if (decision.kind === "allowed") {
      identities.retain(decision.identity);
      podsWithRoles += 1;
    }
  }

  function release(pod: NodePod | undefined): void {
    if (pod?.decision.kind === "allowed") {
      identities.release(pod.decision.identity);
      podsWithRoles -= 1;
    }
  }

  function isRemoved(uid: PodUid): boolean {
    const atMs = removed.get(uid);
    return atMs !== undefined && clock.now() - atMs < removedForMs;
  }

  function hear(uid: PodUid): void {
    for (const question of questions) {
      question.pods.add(uid);
    }
  }

  function replaceAll(told: readonly NodePod[]): void {
    const newest = told.filter(({ uid }) => !isRemoved(uid));
    newest.forEach(put);
    const live = new Set(newest.map(({ uid }) => uid));
    live.forEach(hearsay.confirm);
    [...pods.uids()].filter((uid) => !live.has(uid)).forEach(remove);
    for (const question of questions) {
      question.snapshot = true;
    }
    synced = true;
  }

  function takeChanges(changed: readonly NodePod[], gone: readonly PodUid[]): void {
    for (const pod of changed) {
      removed.delete(pod.uid); // Whoever removed it was mistaken.
      hearsay.confirm(pod.uid);
      put(pod);
      hear(pod.uid);
    }
    for (const uid of gone) {
      removed.set(uid, clock.now());
      remove(uid);
      hear(uid);
    }
  }

  /** Whether there were any. */
  function dropOverdue(): boolean {
    const overdue = hearsay.overdue();
    overdue.forEach(remove);
    return overdue.length > 0;
  }

  /** Whether an answer about a pod is to be believed. */
  function isNews({ uid, decision }: NodePod, heard: HeardMeanwhile): boolean {
    const isOld = heard.snapshot || heard.pods.has(uid) || isRemoved(uid);
    return !isOld && (pods.get(uid) === undefined || hearsay.has(uid) || decision.kind !== "allowed");
  }

  function learn(states: readonly IdentityState[]): void {
    for (const { identity, result } of states) {
      identities.put(identity, result, clock.now());
    }
  }

  function changed(): void {
    metrics.storePods.set(pods.size);
    metrics.storeIdentities.set(identities.held);
    changes.tell();
  }

  return {
    get synced() {
      return synced;
    },
    changes,
    apply(update) {
      switch (update.kind) {
        case "snapshot":
          replaceAll(update.pods);
          break;
        case "changes":
          takeChanges(update.pods, update.removed);
          break;
        case "heartbeat":
          if (dropOverdue()) {
            changed();
          }
          return;
        default:
          update satisfies never;
      }
      dropOverdue();
      learn(update.identities);
      changed();
    },
    beginQuestion() {
      const heard: HeardMeanwhile = { snapshot: false, pods: new Set() };
      questions.add(heard);
      return {
        admit({ pod, identity }) {
          if (isNews(pod, heard)) {
            put(pod);
            hearsay.note(pod.uid);
          }
          learn(identity === undefined ? [] : [identity]);
          changed();
        },
        [Symbol.dispose]: () => questions.delete(heard),
      };
    },
    owner: (address) => (asides === 0 ? pods.owner(address) : nobody),
    setAside() {
      asides += 1;
      const aside = new DisposableStack();
      aside.defer(() => {
        asides -= 1;
        changes.tell();
      });
      return aside;
    },
    disown(address, fits = () => false) {
      const misfits = pods.claimants(address).filter((pod) => !fits(pod));
      if (misfits.length > 0) {
        misfits.forEach(({ uid }) => void remove(uid));
        changed();
      }
    },
    forget() {
      [...pods.uids()].forEach(remove);
      synced = false;
      changed();
    },
    credentials: (identity) => identities.credentials(identity, clock.now()),
    failure: identities.failure,
    holdsUnexpired: () => identities.holdsUnexpired(clock.now()),
    get podsWithRoles() {
      return podsWithRoles;
    },
  };
}
