import { type IpAddress, parseIpAddress } from "../../../src/domain/ip-address.ts";
import type { Pod } from "../../../src/domain/pod.ts";
import { namespaceResource } from "../../../src/kubernetes/parse-namespace.ts";
import { podResource } from "../../../src/kubernetes/parse-pod.ts";
import type { ApiResource } from "../../../src/kubernetes/resource.ts";
import { createNamespaceStore, type NamespaceStore } from "../../../src/server/workload/namespaces.ts";
import { createPodStore, type PodStore } from "../../../src/server/workload/pods.ts";
import type { KubernetesApi } from "../lab/kubernetes-api.ts";
import { churned } from "./churn.ts";

export interface Stores {
  readonly pods: PodStore;
  readonly namespaces: NamespaceStore;
}

/** Stores filled by one whole list each, past every fault. */
export async function freshStores(api: KubernetesApi): Promise<Stores> {
  const stores: Stores = { pods: createPodStore(), namespaces: createNamespaceStore() };
  stores.pods.replaceAll(await listed(api, podResource));
  stores.namespaces.replaceAll(await listed(api, namespaceResource));
  return stores;
}

async function listed<Item, Id>(api: KubernetesApi, resource: ApiResource<Item, Id>): Promise<readonly Item[]> {
  const { body } = await api.request("GET", resource.path);
  const observed = (body.items as readonly unknown[]).map(resource.parse);
  return observed.flatMap((each) => (each.kind === "live" ? [each.item] : []));
}

/** Everything that can be asked of the stores, by everything that the churn ever names. */
export function pictureOf({ pods, namespaces }: Stores) {
  const uidsOf = (found: readonly Pod[]) => found.map(({ uid }) => uid).sort();
  const all = churned.namespaces.flatMap((namespace) => pods.inNamespace(namespace));
  const asked = <Key extends string, Answer>(keys: readonly Key[], answer: (key: Key) => Answer) =>
    Object.fromEntries(keys.map((key) => [key, answer(key)]));
  return {
    size: pods.size,
    pods: Object.fromEntries(all.map(({ uid }) => [uid, pods.get(uid)])),
    byNamespace: asked(churned.namespaces, (namespace) => uidsOf(pods.inNamespace(namespace))),
    byNode: asked(["", ...churned.nodes], (node) => uidsOf(pods.onNode(node))),
    byAddress: asked(churned.addresses, (address) => uidsOf(pods.claimants(ipAddress(address)))),
    nodeByHostIp: asked(churned.hostAddresses, (address) => pods.nodeOfHostIp(address)),
    permitted: asked(["default", "kube-system", ...churned.namespaces], (name) => namespaces.permitted(name)),
  };
}

function ipAddress(text: string): IpAddress {
  const address = parseIpAddress(text);
  if (address === undefined) {
    throw new Error(`${text} is no address`);
  }
  return address;
}
