import type { IpAddress } from "../../domain/ip-address.ts";
import { reasonOf } from "../../runtime/logger.ts";
import type { AgentParts } from "../agent-parts.ts";
import type { DevPod } from "./cluster.ts";

/** The pods' metadata services: one each, because on loopback all clients have the same address. */
export interface DevListeners extends AsyncDisposable {
  /** Opens listeners for new pods, closes those of pods that are gone. Answers why some have none, in one line each. */
  reconcile(pods: readonly DevPod[]): Promise<readonly string[]>;
  /** Where a pod's listener is; `undefined` for one that has none. */
  portOf(address: IpAddress): number | undefined;
}

const highestPort = 65_535;

/** Ports are given from the first upward and stay a pod's own, also when it comes back. */
export function createDevListeners(parts: Pick<AgentParts, "serveMetadata">, firstPort: number): DevListeners {
  const ports = new Map<IpAddress, number>();
  const open = new Map<IpAddress, AsyncDisposable>();

  function assignedPort(address: IpAddress): number {
    const port = ports.get(address) ?? firstPort + ports.size;
    ports.set(address, port);
    return port;
  }

  async function start({ pod, address }: DevPod): Promise<string | undefined> {
    const port = assignedPort(address);
    if (port > highestPort) {
      return `no port is left for pod ${pod.namespace}/${pod.name}: start with a lower --port`;
    }
    try {
      const listener = await parts.serveMetadata({
        hosts: ["127.0.0.1"],
        port,
        callers: { kind: "fixed", address },
        readInstanceId: async () => "i-0000000000000000d",
      });
      open.set(address, listener);
      return undefined;
    } catch (error) {
      return `no metadata service for pod ${pod.namespace}/${pod.name} on port ${port}: ${reasonOf(error)}`;
    }
  }

  async function stop(address: IpAddress): Promise<void> {
    const listener = open.get(address);
    open.delete(address);
    await listener?.[Symbol.asyncDispose]();
  }

  return {
    async reconcile(pods) {
      const wanted = new Set(pods.map(({ address }) => address));
      await Promise.all([...open.keys()].filter((held) => !wanted.has(held)).map(stop));
      const problems: string[] = [];
      for (const pod of pods.filter(({ address }) => !open.has(address))) {
        const problem = await start(pod);
        problems.push(...(problem === undefined ? [] : [problem]));
      }
      return problems;
    },
    portOf: (address) => (open.has(address) ? ports.get(address) : undefined),
    async [Symbol.asyncDispose]() {
      await Promise.all([...open.keys()].map(stop));
    },
  };
}
