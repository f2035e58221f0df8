import { type Owner, ownerOf } from "../../domain/address-owner.ts";
import type { IpAddress } from "../../domain/ip-address.ts";
import type { NodePod } from "../../domain/node-pod.ts";
import type { PodUid } from "../../domain/pod.ts";

/** The node's live pods by UID, and who has which address. */
export interface PodIndex {
  readonly size: number;
  uids(): Iterable<PodUid>;
  all(): Iterable<NodePod>;
  get(uid: PodUid): NodePod | undefined;
  /** Whose an address is. Costs one look-up: it is worked out when a pod comes or goes. */
  owner(address: IpAddress): Owner<NodePod>;
  /** All that have the address, whosever it is. */
  claimants(address: IpAddress): readonly NodePod[];
  put(pod: NodePod): void;
  remove(uid: PodUid): void;
}

export const nobody: Owner<NodePod> = { kind: "nobody" };

export function createPodIndex(): PodIndex {
  const pods = new Map<PodUid, NodePod>();
  const claimants = new Map<IpAddress, Map<PodUid, NodePod>>();
  const owners = new Map<IpAddress, Owner<NodePod>>();

  function claim(address: IpAddress, pod: NodePod): void {
    const claims = claimants.get(address) ?? new Map<PodUid, NodePod>();
    claimants.set(address, claims.set(pod.uid, pod));
    owners.set(address, ownerOf([...claims.values()]));
  }

  function release(address: IpAddress, uid: PodUid): void {
    const claims = claimants.get(address);
    claims?.delete(uid);
    if (claims === undefined || claims.size === 0) {
      claimants.delete(address);
      owners.delete(address);
    } else {
      owners.set(address, ownerOf([...claims.values()]));
    }
  }

  function remove(uid: PodUid): void {
    for (const address of pods.get(uid)?.addresses ?? []) {
      release(address, uid);
    }
    pods.delete(uid);
  }

  return {
    get size() {
      return pods.size;
    },
    uids: () => pods.keys(),
    all: () => pods.values(),
    get: (uid) => pods.get(uid),
    owner: (address) => owners.get(address) ?? nobody,
    claimants: (address) => [...(claimants.get(address)?.values() ?? [])],
    put(pod) {
      remove(pod.uid);
      pods.set(pod.uid, pod);
      for (const address of pod.addresses) {
        claim(address, pod);
      }
    },
    remove,
  };
}
