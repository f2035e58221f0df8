import { createHash } from "node:crypto";
import { type IpAddress, parseIpAddress } from "../../domain/ip-address.ts";
import type { Namespace, Pod, PodUid } from "../../domain/pod.ts";
import { parseNamespace } from "../../kubernetes/parse-namespace.ts";
import { parsePod } from "../../kubernetes/parse-pod.ts";
import type { ManifestObjects } from "./manifests.ts";

/** A pod of a manifest, with the address that its listener stands for. */
export interface DevPod {
  readonly pod: Pod;
  readonly address: IpAddress;
}

export interface DevCluster {
  readonly pods: readonly DevPod[];
  readonly namespaces: readonly Namespace[];
  /** One line each on what was left out, and why. */
  readonly leftOut: readonly string[];
}

/** The only node. */
export const devNode = "dev";

/** Makes manifests into a cluster: fills in what a scheduler, a kubelet and an API server would have written. */
export type ToCluster = (objects: ManifestObjects) => DevCluster;

/** Addresses stay a pod's own, by namespace and name, from one reading to the next. */
export function createToCluster(startedAtMs: number): ToCluster {
  const places = new Map<string, IpAddress>();

  function addressOf(name: string): IpAddress {
    const address = places.get(name) ?? addressAt(places.size + 1);
    places.set(name, address);
    return address;
  }

  return (objects) => {
    const leftOut = objects.leftOut.map((name) => `${name} is neither a Pod nor a Namespace`);
    const pods = new Map<string, DevPod>();
    for (const raw of objects.pods) {
      const name = nameOf(raw);
      const reading = pods.has(name) ? "named twice, the first is used" : readPod(raw, addressOf(name), startedAtMs);
      if (typeof reading === "string") {
        leftOut.push(`Pod ${name}: ${reading}`);
      } else {
        pods.set(name, reading);
      }
    }
    const namespaces = new Map<string, Namespace>();
    for (const raw of objects.namespaces) {
      const { name } = recordAt(raw, "metadata");
      const reading = namespaces.has(String(name)) ? "named twice, the first is used" : readNamespace(raw);
      if (typeof reading === "string") {
        leftOut.push(`Namespace ${String(name)}: ${reading}`);
      } else {
        namespaces.set(reading.name, reading);
      }
    }
    return { pods: [...pods.values()], namespaces: [...namespaces.values()], leftOut };
  };
}

/** The pod, or why there is none. */
function readPod(raw: Record<string, unknown>, address: IpAddress, startedAtMs: number): DevPod | string {
  const observed = parsePod(scheduled(raw, address, startedAtMs));
  switch (observed.kind) {
    case "live":
      return observed.item.addresses.includes(address)
        ? { pod: observed.item, address }
        : "on the host's network, where no pod has a role";
    case "gone":
      return "not running any more";
    case "unreadable":
      return observed.problem;
    default:
      return observed satisfies never;
  }
}

function readNamespace(raw: Record<string, unknown>): Namespace | string {
  const observed = parseNamespace(raw);
  return observed.kind === "live" ? observed.item : "can't be read";
}

/** 10.0.0.1 and so on: where a pod might be. Nothing is ever sent there. */
function addressAt(index: number): IpAddress {
  const address = parseIpAddress(`10.${(index >> 16) & 0xff}.${(index >> 8) & 0xff}.${index & 0xff}`);
  if (address === undefined) {
    throw new RangeError(`no address is left for pod ${index}`);
  }
  return address;
}

/** The version is taken from the text: another text is another version, in no order, as with an API server's that is no number. */
function scheduled(raw: Record<string, unknown>, address: IpAddress, startedAtMs: number): Record<string, unknown> {
  const metadata = recordAt(raw, "metadata");
  const namespace = typeof metadata["namespace"] === "string" ? metadata["namespace"] : "default";
  return {
    ...raw,
    metadata: {
      ...metadata,
      namespace,
      uid: `dev-${namespace}-${String(metadata["name"])}` as PodUid,
      resourceVersion: `v${createHash("sha256").update(JSON.stringify(raw)).digest("hex")}`,
    },
    spec: { ...recordAt(raw, "spec"), nodeName: devNode },
    status: {
      phase: "Running",
      startTime: new Date(startedAtMs).toISOString(),
      ...recordAt(raw, "status"),
      podIP: address,
      podIPs: [{ ip: address }],
      hostIP: "127.0.0.1",
    },
  };
}

function nameOf(raw: Record<string, unknown>): string {
  const { namespace = "default", name } = recordAt(raw, "metadata");
  return `${String(namespace)}/${String(name)}`;
}

function recordAt(raw: Record<string, unknown>, key: string): Record<string, unknown> {
  const value = raw[key];
  return typeof value === "object" && value !== null ? { ...value } : {};
}
