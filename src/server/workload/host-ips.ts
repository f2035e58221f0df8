import { parseIpAddress } from "../../domain/ip-address.ts";
import type { Pod } from "../../domain/pod.ts";

/** Which node has which address, as the nodes' pods tell it. */
export interface HostIps {
  add(pod: Pod): void;
  remove(pod: Pod): void;
  /** `undefined` where no pod reports the address, or pods of different nodes do. */
  nodeOf(hostIp: string): string | undefined;
}

export function createHostIps(): HostIps {
  /** How many pods of which nodes report an address. */
  const reports = new Map<string, Map<string, number>>();
  const keyOf = (hostIp: string): string => parseIpAddress(hostIp) ?? hostIp;

  function count(pod: Pod, change: 1 | -1): void {
    if (pod.hostIp === "" || pod.nodeName === "") {
      return;
    }
    const key = keyOf(pod.hostIp);
    const nodes = reports.get(key) ?? new Map<string, number>();
    const pods = (nodes.get(pod.nodeName) ?? 0) + change;
    if (pods > 0) {
      nodes.set(pod.nodeName, pods);
    } else {
      nodes.delete(pod.nodeName);
    }
    if (nodes.size > 0) {
      reports.set(key, nodes);
    } else {
      reports.delete(key);
    }
  }

  return {
    add: (pod) => count(pod, 1),
    remove: (pod) => count(pod, -1),
    nodeOf(hostIp) {
      const nodes = [...(reports.get(keyOf(hostIp))?.keys() ?? [])];
      return nodes.length === 1 ? nodes[0] : undefined;
    },
  };
}
