import type { IpAddress } from "../../domain/ip-address.ts";
import type { Pod, PodUid } from "../../domain/pod.ts";
import { createHostIps } from "./host-ips.ts";
import { createIdIndex } from "./id-index.ts";

/** The ways to find pods other than by uid. Each pod is removed as it was added. */
export interface PodIndexes {
  add(pod: Pod): void;
  remove(pod: Pod): void;
  byAddress(address: IpAddress): Iterable<PodUid>;
  /** Nothing for the empty name: pods that are not scheduled are on no node. */
  byNode(nodeName: string): Iterable<PodUid>;
  byNamespace(namespace: string): Iterable<PodUid>;
  nodeOfHostIp(hostIp: string): string | undefined;
}

export function createPodIndexes(): PodIndexes {
  const addresses = createIdIndex<PodUid>();
  const nodes = createIdIndex<PodUid>();
  const namespaces = createIdIndex<PodUid>();
  const hostIps = createHostIps();

  return {
    add(pod) {
      for (const address of pod.addresses) {
        addresses.add(address, pod.uid);
      }
      if (pod.nodeName !== "") {
        nodes.add(pod.nodeName, pod.uid);
      }
      namespaces.add(pod.namespace, pod.uid);
      hostIps.add(pod);
    },
    remove(pod) {
      for (const address of pod.addresses) {
        addresses.remove(address, pod.uid);
      }
      nodes.remove(pod.nodeName, pod.uid);
      namespaces.remove(pod.namespace, pod.uid);
      hostIps.remove(pod);
    },
    byAddress: (address) => addresses.idsOf(address),
    byNode: (nodeName) => nodes.idsOf(nodeName),
    byNamespace: (namespace) => namespaces.idsOf(namespace),
    nodeOfHostIp: (hostIp) => hostIps.nodeOf(hostIp),
  };
}
