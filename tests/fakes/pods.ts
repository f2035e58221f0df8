import { type IpAddress, parseIpAddress } from "../../src/domain/ip-address.ts";
import type { Namespace, Pod, PodUid } from "../../src/domain/pod.ts";

/** A running pod without a role on node-a; give what matters to the test. */
export function aPod(overrides: Partial<Omit<Pod, "uid" | "addresses">> & PodText = {}): Pod {
  const { uid = "uid-1", addresses = ["10.0.0.1"], ...rest } = overrides;
  return {
    uid: uid as PodUid,
    name: "reader-1",
    namespace: "default",
    nodeName: "node-a",
    hostIp: "192.168.0.1",
    addresses: addresses.map(anAddress),
    startedAtMs: Date.UTC(2026, 0, 1),
    isMirror: false,
    phase: "Running",
    generation: 1,
    resourceVersion: "100",
    ...rest,
  };
}

interface PodText {
  readonly uid?: string;
  readonly addresses?: readonly string[];
}

export function aNamespace(overrides: Partial<Namespace> = {}): Namespace {
  return { name: "default", permitted: ".*", resourceVersion: "100", ...overrides };
}

export function anAddress(text: string): IpAddress {
  const address = parseIpAddress(text);
  if (address === undefined) {
    throw new Error(`${text} is not an address`);
  }
  return address;
}

export function aUid(text: string): PodUid {
  return text as PodUid;
}
