import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { KiamOptions, KiamProcess } from "../lab/kiam.ts";
import type { Lab } from "../lab/lab.ts";
import type { LabNode } from "../lab/node.ts";
import type { Identity } from "../lab/pki.ts";

const namespace = "kiam-system";

export interface NewToken {
  readonly account: string;
  /** `kiam-server` unless told. */
  readonly audience?: string;
  /** Bound to a new pod of that name there; absent: to no pod. */
  readonly pod?: { readonly name: string; readonly node: LabNode };
}

/** What agents prove their nodes by, good and bad. */
export interface Proofs {
  /** A token as the kubelet projects it into a pod of the account. */
  token(request: NewToken): Promise<string>;
  /** {@link token} of the DaemonSet's pod on the node. */
  agentToken(name: string, node: LabNode): Promise<string>;
  deletePod(name: string): Promise<void>;
  /** What an agent is started with that has the token, a certificate that names no node, and one server to ask. */
  options(token: string, server: KiamProcess): Promise<KiamOptions>;
}

/** @param lab whose servers' account was made, and with it the agents'  @param shared a certificate that names no node */
export function createProofs(lab: Lab, shared: Identity): Proofs {
  let files = 0;

  async function token({ account, audience = "kiam-server", pod }: NewToken): Promise<string> {
    const request = { namespace, name: account, audience };
    if (pod === undefined) {
      return lab.api.createServiceAccountToken(request);
    }
    const { name, node } = pod;
    const details = { nodeName: node.name, serviceAccountName: account, hostNetwork: true };
    const { uid } = await lab.api.createPod({ namespace, name, ...details });
    await lab.api.runPod(namespace, name, node.address, node.address);
    return lab.api.createServiceAccountToken({ ...request, boundPod: { name, uid } });
  }

  return {
    token,
    agentToken: (name, node) => token({ account: "kiam-agent", pod: { name, node } }),
    deletePod: (name) => lab.api.deletePod(namespace, name),
    async options(text, server) {
      files += 1;
      const path = join(lab.directory, `token-${files}`);
      await writeFile(path, `${text}\n`, { mode: 0o600 });
      const flags = { ...toServer(server), "identity-token": path };
      return { identity: shared, flags };
    },
  };
}

/** Flags for an agent that is to ask this server and no other. */
export function toServer(server: KiamProcess): Readonly<Record<string, string>> {
  return { "server-address": `${server.address}:9610` };
}
