import { randomBytes } from "node:crypto";
import type { TlsIdentity } from "../../../src/rpc/tls-options.ts";
import { createAuthority, type PemPair } from "../../../src/tls/authority.ts";
import { issueAgent, issueNodeAgent, issueServer } from "../../../src/tls/pki.ts";

/** The name by which agents know the servers. */
export const serverName = "kiam-server";

/** An authority as `kiam certs` makes it, and the certificates that it signs; each trusts this authority alone. */
export interface Pki {
  /** PEM. */
  readonly ca: string;
  readonly server: () => TlsIdentity;
  /** Proves an agent, and no node. */
  readonly agent: () => TlsIdentity;
  /** @param toMs when it expires, milliseconds since the Unix epoch; in an hour unless given */
  readonly nodeAgent: (nodeName: string, toMs?: number) => TlsIdentity;
}

const hourMs = 3_600_000;

export function createPki(name = "kiam test"): Pki {
  const validity = { fromMs: Date.now() - hourMs, toMs: Date.now() + hourMs };
  const authority = createAuthority(name, validity, randomBytes);
  const { cert: ca } = authority;
  const trusting = (pair: PemPair): TlsIdentity => ({ ...pair, ca });
  return {
    ca,
    server: () => trusting(issueServer(authority, [serverName, "localhost", "127.0.0.1"], validity, randomBytes)),
    agent: () => trusting(issueAgent(authority, validity, randomBytes)),
    nodeAgent: (nodeName, toMs = validity.toMs) =>
      trusting(issueNodeAgent(authority, nodeName, { ...validity, toMs }, randomBytes)),
  };
}
