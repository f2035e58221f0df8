import type { IpAddress } from "../../domain/ip-address.ts";
import type { AgentParts } from "../agent-parts.ts";
import type { DevPod } from "./cluster.ts";

/** The pods' metadata services: one each, because on loopback all clients have the same address. */
export interface DevListeners extends AsyncDisposable {
  /** Opens listeners for new pods, closes those of pods that are gone. @throws MetadataListenError */
  reconcile(pods: readonly DevPod[]): Promise<void>;
  /** Where a pod's listener is; `undefined` for one that has none. */
  portOf(address: IpAddress): number | undefined;
}

/** Ports are given from the first upward and stay a pod's own, also when it comes back. */
export function createDevListeners(parts: Pick<AgentParts, "serveMetadata">, firstPort: number): DevListeners {
  const ports = new Map<IpAddress, number>();
  const open = new Map<IpAddress, AsyncDisposable>();

  async function start(address: IpAddress): Promise<void> {
    const port = ports.get(address) ?? firstPort + ports.size;
    const listener = await parts.serveMetadata({
      hosts: ["127.0.0.1"],
      port,
      callers: { kind: "fixed", address },
      readInstanceId: async () => "i-0000000000000000d",
    });
    ports.set(address, port);
    open.set(address, listener);
  }

  async function stop(address: IpAddress): Promise<void> {
    const listener = open.get(address);
    open.delete(address);
    await listener?.[Symbol.asyncDispose]();
  }

  return {
    async reconcile(pods) {
      const wanted = new Set(pods.map(({ address }) => address));
      for (const address of [...open.keys()].filter((held) => !wanted.has(held))) {
        await stop(address);
      }
      for (const address of [...wanted].filter((one) => !open.has(one))) {
        await start(address);
      }
    },
    portOf: (address) => (open.has(address) ? ports.get(address) : undefined),
    async [Symbol.asyncDispose]() {
      await Promise.all([...open.keys()].map(stop));
    },
  };
}
