import type { Owner } from "../../domain/address-owner.ts";
import type { Credentials } from "../../domain/credentials.ts";
import type { IpAddress } from "../../domain/ip-address.ts";
import type { IdentityState, NodePod, NodeUpdate, PodAnswer } from "../../domain/node-pod.ts";
import type { IdentityKey } from "../../domain/role-identity.ts";
import type { Clock } from "../../runtime/clock.ts";
import { createListeners, type Listeners } from "../../runtime/listeners.ts";
import type { AgentMetrics } from "../metrics.ts";
import { createBelievedPods } from "./believed-pods.ts";
import { createIdentityIndex, type HeardFailure } from "./identity-index.ts";
import { nobody } from "./pod-index.ts";

/** All that this agent knows of its node's pods and may hand to them. */
export interface CredentialStore {
  /** Whether a snapshot has ever come: before it, not knowing a pod says nothing. */
  readonly synced: boolean;
  /** Told after each change of what the store answers. */
  readonly changes: Pick<Listeners<void>, "add">;
  /**
   * Takes what a stream says, but for what is known to be newer: its replica may be behind. A snapshot decides which pods there
   * are. Credentials that it does not carry take none away, nor does a failure; of two credentials the later expiry wins;
   * what no pod uses any more goes.
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
   * Takes the answer in, where it is newer than what the stream has told, until the stream says otherwise or, having heard of
   * newer pods, says nothing of this one. Where versions don't tell which is newer it takes, of a pod that streams have told
   * of, the credentials, and that it may have none; what else is new the stream tells, because the replica that was asked
   * may be behind.
   */
  admit(answer: PodAnswer): void;
}

export interface StoreOptions {
  readonly clock: Clock;
  readonly metrics: Pick<AgentMetrics, "storePods" | "storeIdentities">;
}

export function createCredentialStore({ clock, metrics }: StoreOptions): CredentialStore {
  const pods = createBelievedPods({ clock, onChange: podChanged });
  const identities = createIdentityIndex();
  const changes = createListeners<void>();
  let synced = false;
  let asides = 0;
  let podsWithRoles = 0;

  function podChanged(before: NodePod | undefined, after: NodePod | undefined): void {
    retain(after); // First the new use, then the old one's end: what both name is not dropped in between.
    release(before);
  }

  function retain(pod: NodePod | undefined): void {
    if (pod?.decision.kind === "allowed") {
      identities.retain(pod.decision.identity);
      podsWithRoles += 1;
    }
  }

  function release(pod: NodePod | undefined): void {
    if (pod?.decision.kind === "allowed") {
      identities.release(pod.decision.identity);
      podsWithRoles -= 1;
    }
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
          pods.replaceAll(update.pods, update.podsVersion);
          synced = true;
          break;
        case "changes":
          pods.change(update.pods, update.removed, update.podsVersion);
          break;
        case "heartbeat":
          if (pods.dropOverdue(update.podsVersion)) {
            changed();
          }
          return;
        default:
          update satisfies never;
      }
      pods.dropOverdue(update.podsVersion);
      learn(update.identities);
      changed();
    },
    beginQuestion() {
      const question = pods.beginQuestion();
      return {
        admit({ pod, identity }) {
          question.admit(pod);
          learn(identity === undefined ? [] : [identity]);
          changed();
        },
        [Symbol.dispose]: () => question[Symbol.dispose](),
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
        misfits.forEach(({ uid }) => void pods.remove(uid));
        changed();
      }
    },
    forget() {
      [...pods.uids()].forEach(pods.remove);
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
