import { type Family, ipv4, ipv6 } from "../../../src/agent/intercept/family.ts";
import { formatHostPort } from "../../../src/domain/host-port.ts";
import { type IpAddress, parseIpAddress } from "../../../src/domain/ip-address.ts";

/** One version of IP, as {@link createPlainNode}'s node and pods have it. */
export interface Side {
  readonly family: Family;
  /** The node's address towards its pods. */
  readonly host: IpAddress;
  /** The node's and the pods' addresses begin so. @param network 0 for the pod, 1 for the stranger, 2 for who comes later */
  readonly addressOf: (network: number, end: 1 | 2) => string;
  /** All pods' addresses of network 0. */
  readonly pods: string;
  readonly prefixLength: number;
  /** Where nobody is. */
  readonly elsewhere: readonly [network: string, destination: string];
}

export const sides: Readonly<Record<Family["name"], Side>> = {
  IPv4: {
    family: ipv4,
    host: address("10.200.0.1"),
    addressOf: (network, end) => `10.20${network}.0.${end}`,
    pods: "10.200.0.0/24",
    prefixLength: 24,
    elsewhere: ["192.0.2.1/32", "192.0.2.2:80"],
  },
  IPv6: {
    family: ipv6,
    host: address("fd00:200::1"),
    addressOf: (network, end) => `fd00:20${network}::${end}`,
    pods: "fd00:200::/64",
    prefixLength: 64,
    elsewhere: ["2001:db8::1/128", "[2001:db8::2]:80"],
  },
};

/** Each version with the back end in use and the other one. */
export const everywhere = [
  ["IPv4", "nft", "legacy"],
  ["IPv4", "legacy", "nft"],
  ["IPv6", "nft", "legacy"],
  ["IPv6", "legacy", "nft"],
] as const;

/** Where the node's metadata service answers by this version. */
export function metadataOf({ family }: Side, path = "/latest/meta-data/"): string {
  return `http://${formatHostPort(family.metadataAddress, 80)}${path}`;
}

export function address(text: string): IpAddress {
  const parsed = parseIpAddress(text);
  if (parsed === undefined) {
    throw new Error(`${text} is no address`);
  }
  return parsed;
}
