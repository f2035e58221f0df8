import type { Dice } from "../../fixtures/dice.ts";
import type { KubernetesApi } from "../lab/kubernetes-api.ts";

/** All that the churn ever makes. Few, so that names and addresses are used again and again. */
export const churned = {
  namespaces: ["blue", "green", "red"],
  pods: ["a", "b", "c", "d", "e", "f"],
  nodes: ["node-1", "node-2", "node-3"],
  hostAddresses: ["10.250.2.1", "10.250.2.2", "10.250.2.3"],
  addresses: Array.from({ length: 8 }, (_, index) => `10.244.0.${index + 1}`),
} as const;

/** Life in a cluster: pods and namespaces come, change and go. */
export interface Churn {
  /** One thing happens. */
  step(): Promise<void>;
}

const mergePatch = "application/merge-patch+json";

/** @param firstSerial namespaces' patterns are numbered from there, a later one by the greater number */
export function createChurn(api: KubernetesApi, dice: Dice, firstSerial: number): Churn {
  let serial = firstSerial;
  const pick = <T>(choices: readonly T[]): T => {
    const [first, ...rest] = choices;
    if (first === undefined) {
      throw new Error("nothing to pick from");
    }
    return dice.pick([first, ...rest]);
  };

  const nextPattern = () => {
    serial += 1;
    return { "iam.amazonaws.com/permitted": `role-${serial}` };
  };
  const pathOf = (namespace: string, pod: string) => `/api/v1/namespaces/${namespace}/pods/${pod}`;

  async function addNamespace(namespace: string): Promise<void> {
    await api.createNamespace(namespace, dice.happens(0.8) ? nextPattern() : {});
  }

  /** A controller would empty the namespace and take the finalizer away. */
  async function removeNamespace(namespace: string): Promise<void> {
    for (const pod of churned.pods) {
      await api.request("DELETE", pathOf(namespace, pod), { gracePeriodSeconds: 0 });
    }
    await api.request("DELETE", `/api/v1/namespaces/${namespace}/serviceaccounts/default`);
    await api.request("DELETE", `/api/v1/namespaces/${namespace}`);
    const { body } = await api.request("GET", `/api/v1/namespaces/${namespace}`);
    await api.request("PUT", `/api/v1/namespaces/${namespace}/finalize`, { ...body, spec: { finalizers: [] } });
  }

  async function createPod(namespace: string, name: string): Promise<void> {
    await api.createPod({
      namespace,
      name,
      ...(dice.happens(0.7) ? { nodeName: pick(churned.nodes) } : {}),
      ...(dice.happens(0.7) ? { annotations: { "iam.amazonaws.com/role": `role-${dice.between(0, 9)}` } } : {}),
      hostNetwork: dice.happens(0.1),
    });
    if (dice.happens(0.7)) {
      await run(namespace, name);
    }
  }

  async function run(namespace: string, name: string): Promise<void> {
    await api.runPod(namespace, name, pick(churned.addresses), pick(churned.hostAddresses));
  }

  /** The kubelet's last words: its containers have ended. */
  async function end(namespace: string, name: string): Promise<void> {
    const state = { terminated: { exitCode: 0 } };
    const main = { name: "main", image: "lab", imageID: "lab", ready: false, restartCount: 0, state };
    await api.request("DELETE", pathOf(namespace, name), { gracePeriodSeconds: 30 });
    await api.request(
      "PATCH",
      `${pathOf(namespace, name)}/status`,
      { status: { containerStatuses: [main] } },
      mergePatch,
    );
  }

  async function changePod(namespace: string, name: string): Promise<void> {
    const role = { "iam.amazonaws.com/role": dice.happens(0.2) ? null : `role-${dice.between(0, 9)}` };
    switch (dice.between(0, 6)) {
      case 0:
      case 1:
        return api.annotate({ namespace, pod: name }, role);
      case 2:
        return run(namespace, name);
      case 3:
        return api.patchPodStatus(namespace, name, { phase: dice.pick(["Succeeded", "Failed"]) });
      case 4:
        return end(namespace, name);
      // A new pod under the name, in an instant.
      case 5:
        await api.deletePod(namespace, name);
        return createPod(namespace, name);
      default:
        return api.deletePod(namespace, name);
    }
  }

  async function has(path: string): Promise<boolean> {
    return (await api.request("GET", path)).status === 200;
  }

  return {
    async step() {
      const namespace = pick(churned.namespaces);
      const isThere = await has(`/api/v1/namespaces/${namespace}`);
      if (!isThere) {
        return addNamespace(namespace);
      }
      if (dice.happens(0.05)) {
        await removeNamespace(namespace);
        return dice.happens(0.7) ? addNamespace(namespace) : undefined;
      }
      if (dice.happens(0.1)) {
        return api.annotate({ namespace }, nextPattern());
      }
      const pod = pick(churned.pods);
      return (await has(pathOf(namespace, pod))) ? changePod(namespace, pod) : createPod(namespace, pod);
    },
  };
}
