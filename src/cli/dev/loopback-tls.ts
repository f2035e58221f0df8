import type { TlsIdentity } from "../../rpc/tls-options.ts";
import { createAuthority } from "../../tls/authority.ts";
import { issueNodeAgent, issueServer } from "../../tls/pki.ts";
import { devNode } from "./cluster.ts";

/** What the server's certificate is for. */
export const devServerName = "localhost";

const dayMs = 24 * 3_600_000;

/** A certificate for each side that nobody else has and that ends with the process: nothing of it is written anywhere. */
export function loopbackTls(
  nowMs: number,
  random: (count: number) => Uint8Array,
): { readonly server: TlsIdentity; readonly agent: TlsIdentity } {
  const validity = { fromMs: nowMs - dayMs, toMs: nowMs + 30 * dayMs };
  const authority = createAuthority("kiam dev", validity, random);
  return {
    server: { ...issueServer(authority, [devServerName, "127.0.0.1"], validity, random), ca: authority.cert },
    agent: { ...issueNodeAgent(authority, devNode, validity, random), ca: authority.cert },
  };
}
