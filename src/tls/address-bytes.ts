import { isIPv4, isIPv6 } from "node:net";

/** An IP address as a certificate holds it: 4 or 16 bytes; `undefined` for what is no address, or has a zone. */
export function addressBytes(address: string): Uint8Array | undefined {
  if (isIPv4(address)) {
    return Uint8Array.from(address.split(".").map(Number));
  }
  if (!isIPv6(address) || address.includes("%")) {
    return undefined;
  }
  // Canonical: no IPv4 at the end, and one `::` at most.
  const [head = "", tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const before = groupsOf(head);
  const after = groupsOf(tail ?? "");
  const zeros = new Array<number>(8 - before.length - after.length).fill(0);
  return Uint8Array.from([...before, ...zeros, ...after].flatMap((group) => [group >> 8, group & 0xff]));
}

function groupsOf(text: string): readonly number[] {
  return text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
}
