import { isIPv4, isIPv6 } from "node:net";
import type { Brand } from "./brand.ts";

/** An IPv4 or IPv6 address in canonical text, so that equal addresses are equal strings. */
export type IpAddress = Brand<string, "IpAddress">;

const mappedIpv4 = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/;

const dottedTail = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/;

/**
 * Parses an address as sockets and `status.podIPs` write it; an IPv4-mapped IPv6 address is the IPv4 one it maps.
 * Answers `undefined` for anything else, a zone (`%eth0`) included.
 */
export function parseIpAddress(text: string): IpAddress | undefined {
  if (isIPv4(text)) {
    return text as IpAddress;
  }
  if (!isIPv6(text) || text.includes("%")) {
    return undefined;
  }
  // Bun's URLs refuse some addresses that end in dots (`::0:0:0:0:10.0.0.1`).
  const hexadecimal = text.replace(dottedTail, (_, ...bytes: readonly string[]) => hexadecimalGroups(bytes));
  const canonical = URL.parse(`http://[${hexadecimal}]`)?.hostname.slice(1, -1);
  const mapped = mappedIpv4.exec(canonical ?? "");
  return (mapped === null ? canonical : dotted(mapped[1] ?? "", mapped[2] ?? "")) as IpAddress | undefined;
}

function hexadecimalGroups([a, b, c, d]: readonly string[]): string {
  return `${(Number(a) * 256 + Number(b)).toString(16)}:${(Number(c) * 256 + Number(d)).toString(16)}`;
}

function dotted(high: string, low: string): string {
  const bytes = Number.parseInt(high, 16) * 0x1_0000 + Number.parseInt(low, 16);
  return [24, 16, 8, 0].map((shift) => (bytes >>> shift) & 0xff).join(".");
}
