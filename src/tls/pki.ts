import { addressBytes } from "./address-bytes.ts";
import { type Authority, type PemPair, type RandomBytes, serial } from "./authority.ts";
import {
  type AlternativeName,
  commonName,
  generateKeys,
  pemOfKey,
  signCertificate,
  type Validity,
} from "./certificate.ts";
import type { TlsUsage } from "./problem.ts";

/**
 * A server's certificate. It is good as a client's, too: `kiam health` asks with the files that it finds in the server's pod.
 * @param addresses names and IP addresses that agents reach it by
 */
export function issueServer(
  authority: Authority,
  addresses: readonly string[],
  validity: Validity,
  random: RandomBytes,
): PemPair {
  return issue(authority, "kiam server", addresses, ["server", "client"], validity, random);
}

/** A certificate that proves an agent, and no node. Not good as a server's. */
export function issueAgent(authority: Authority, validity: Validity, random: RandomBytes): PemPair {
  return issue(authority, "kiam agent", ["kiam-agent"], ["client"], validity, random);
}

/** A certificate that proves the agent of one node. */
export function issueNodeAgent(authority: Authority, node: string, validity: Validity, random: RandomBytes): PemPair {
  return issue(authority, "kiam agent", [nodeDnsName(node)], ["client"], validity, random);
}

/** The name by which a certificate speaks for a node. */
function nodeDnsName(node: string): string {
  return `${node}.node.kiam`;
}

const dnsNameForm = /^(?=.{1,253}$)(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/i;

/** Whether a certificate can be made out to it: a DNS name, the first label of which may be `*`, or an IP address. */
export function isAddress(text: string): boolean {
  return addressBytes(text) !== undefined || dnsNameForm.test(text);
}

function issue(
  authority: Authority,
  name: string,
  addresses: readonly string[],
  usages: readonly TlsUsage[],
  { fromMs, toMs }: Validity,
  random: RandomBytes,
): PemPair {
  const { publicKey, privateKey } = generateKeys();
  const validity = { fromMs, toMs: Math.min(toMs, authority.expiresAtMs) };
  const names = addresses.map(alternativeName);
  const subject = commonName(name);
  const cert = signCertificate(
    { role: "leaf", subject, publicKey, validity, serial: serial(random), names, usages },
    authority,
  );
  return { cert, key: pemOfKey(privateKey) };
}

function alternativeName(address: string): AlternativeName {
  const bytes = addressBytes(address);
  return bytes === undefined ? { kind: "dns", name: address.toLowerCase() } : { kind: "ip", bytes };
}
