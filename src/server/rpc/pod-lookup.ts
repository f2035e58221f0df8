import { type Owner, ownerOf } from "../../domain/address-owner.ts";
import type { Decision } from "../../domain/decision.ts";
import type { IpAddress } from "../../domain/ip-address.ts";
import type { IssueResult } from "../../domain/issue.ts";
import type { ObjectVersion } from "../../domain/object-version.ts";
import type { Pod } from "../../domain/pod.ts";
import { identityKey, type RoleIdentity } from "../../domain/role-identity.ts";
import { type Deadline, deadline } from "../../runtime/abort.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Issuance } from "../issuance/issuance.ts";
import type { Decide } from "../policy/policy.ts";
import { findPod } from "../workload/find-pod.ts";
import type { NamespaceStore } from "../workload/namespaces.ts";
import type { PodStore } from "../workload/pods.ts";
import type { FailureLog } from "./failure-log.ts";

/** A pod that an address belongs to, what policy says of it, and its credentials where they were asked for. */
export interface FoundPod {
  readonly kind: "pod";
  readonly pod: Pod;
  readonly decision: Decision;
  /** Of the namespace that policy was asked with. */
  readonly namespaceVersion: ObjectVersion;
  readonly result?: IssueResult;
}

export type Lookup = FoundPod | { readonly kind: "nobody" } | { readonly kind: "doubt" };

export interface PodLookupDeps {
  readonly pods: Pick<PodStore, "get" | "claimants" | "changes">;
  readonly namespaces: Pick<NamespaceStore, "permitted" | "versionOf">;
  readonly decide: Decide;
  readonly issuance: Pick<Issuance, "get" | "noteAnswered">;
  readonly failures: FailureLog;
  readonly clock: Clock;
}

/** Answers one question about one address. Rejects only with the signal's reason. */
export interface PodLookup {
  /** The address's pod, waited for where nobody has it yet. @param nodeName the only node whose pods count, where given */
  find(address: IpAddress, nodeName: string | undefined, signal: AbortSignal): Promise<Lookup>;
  /**
   * {@link find} and, of a pod that may have a role and that `wants` them, the credentials. What is answered holds at the
   * moment of the answer, and not at that of the question: a pod may go, or its permission, while STS thinks.
   */
  findWithCredentials(
    address: IpAddress,
    nodeName: string | undefined,
    wants: (pod: Pod, decision: Decision) => boolean,
    signal: AbortSignal,
  ): Promise<Lookup>;
}

/** For an address not known yet: SDKs give up after one second. */
const addressWaitMs = 800;

/** For credentials on their way. */
const credentialsWaitMs = 5_000;

export function createPodLookup({ pods, namespaces, decide, issuance, failures, clock }: PodLookupDeps): PodLookup {
  const reach = (nodeName: string | undefined): Pick<PodStore, "claimants" | "changes"> =>
    nodeName === undefined
      ? pods
      : {
          claimants: (address) => pods.claimants(address).filter((pod) => pod.nodeName === nodeName),
          changes: pods.changes,
        };

  const decisionOn = (pod: Pod): Decision => decide(pod, namespaces.permitted(pod.namespace));

  /** Nobody here may be watching the pod's node: whether it is to be renewed for it is looked up when it is due. */
  function noteAnswered({ uid }: Pod, identity: RoleIdentity): void {
    const key = identityKey(identity);
    issuance.noteAnswered(key, uid, () => {
      const pod = pods.get(uid);
      const decision = pod === undefined ? undefined : decisionOn(pod);
      return decision?.kind === "allowed" && identityKey(decision.identity) === key;
    });
  }

  function decided(owner: Owner<Pod>): Lookup {
    if (owner.kind !== "owner") {
      return owner;
    }
    const { pod } = owner;
    const decision = decisionOn(pod);
    return { kind: "pod", pod, decision, namespaceVersion: namespaces.versionOf(pod.namespace) };
  }

  async function find(address: IpAddress, nodeName: string | undefined, signal: AbortSignal): Promise<Lookup> {
    return decided(await findPod({ pods: reach(nodeName), clock }, address, nodeName, addressWaitMs, signal));
  }

  async function credentialsOf(identity: RoleIdentity, namespace: string, limit: Deadline): Promise<IssueResult> {
    try {
      return await issuance.get(identity, namespace, limit.signal);
    } catch (error) {
      if (limit.passed) {
        return lateResult;
      }
      throw error;
    }
  }

  return {
    find,
    async findWithCredentials(address, nodeName, wants, signal) {
      let found = await find(address, nodeName, signal);
      using limit = deadline(credentialsWaitMs, clock, signal);
      while (found.kind === "pod" && found.decision.kind === "allowed" && wants(found.pod, found.decision)) {
        const result = await credentialsOf(found.decision.identity, found.pod.namespace, limit);
        const now = decided(ownerOf(reach(nodeName).claimants(address), nodeName));
        if (isSameGrant(found, now)) {
          if (result.kind === "failed") {
            failures.note(now.pod, result.failure);
          } else {
            noteAnswered(now.pod, found.decision.identity);
          }
          return { ...now, result };
        }
        found = now;
      }
      return found;
    },
  };
}

const lateResult: IssueResult = {
  kind: "failed",
  failure: { kind: "unavailable", code: "Timeout", message: `no answer from STS within ${credentialsWaitMs} ms` },
};

/** Whether the address's pod may have at the end what was fetched, be it the same pod or another of the same role. */
function isSameGrant(before: FoundPod, now: Lookup): now is FoundPod {
  return (
    now.kind === "pod" &&
    now.decision.kind === "allowed" &&
    before.decision.kind === "allowed" &&
    identityKey(now.decision.identity) === identityKey(before.decision.identity)
  );
}
