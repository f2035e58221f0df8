import { join } from "node:path";
import { createPki, type Pki } from "../../integration/cluster/pki.ts";
import type { KiamProcess } from "../lab/kiam.ts";
import type { Lab } from "../lab/lab.ts";
import { waitFor } from "../lab/wait.ts";
import { mountSecret, overwrite, placeFiles } from "./mounted-secret.ts";

/** A server whose files are written in place and an agent that has a Secret mounted, under one authority. */
export interface RotatingPair {
  readonly server: KiamProcess;
  readonly agent: KiamProcess;
  /** New certificates and keys for both. Resolves once both have taken them into use. */
  rotate(): Promise<void>;
  /** The same under another authority, with a while in which both are trusted. */
  rotateAuthority(): Promise<void>;
  /** How often files were replaced so far, server's and agent's counted together. */
  readonly rotations: number;
}

/** @param nodeName of a node that the lab has not got yet  */
export async function startRotatingPair(
  lab: Lab,
  startAgent: (identity: Awaited<ReturnType<typeof placeFiles>>) => Promise<KiamProcess>,
  nodeName: string,
): Promise<RotatingPair> {
  let pki: Pki = createPki("authority 1");
  let authorities = 1;
  let rotations = 0;
  const placed = await placeFiles(join(lab.directory, "server-tls"), pki.server());
  const mounted = await mountSecret(join(lab.directory, "agent-tls"), pki.nodeAgent(nodeName));
  const server = await lab.startServer({ identity: placed });
  await server.ready();
  const agent = await startAgent(mounted.identity);
  await agent.ready();

  const timesTaken = ({ output }: KiamProcess) => output().split("TLS files changed and are in use").length - 1;

  async function replace(ca: string): Promise<void> {
    const before = [timesTaken(server), timesTaken(agent)] as const;
    await Promise.all([overwrite(placed, { ...pki.server(), ca }), mounted.swap({ ...pki.nodeAgent(nodeName), ca })]);
    await waitFor(
      "both to take the new files into use",
      async () => (timesTaken(server) > before[0] && timesTaken(agent) > before[1]) || undefined,
    );
    rotations += 2;
  }

  return {
    server,
    agent,
    rotate: () => replace(pki.ca),
    async rotateAuthority() {
      const former = pki;
      authorities += 1;
      const next = createPki(`authority ${authorities}`);
      const both = former.ca + next.ca;
      await replace(both); // Both are trusted before anybody has what the new one signed.
      pki = next;
      await replace(both);
      await replace(next.ca);
    },
    get rotations() {
      return rotations;
    },
  };
}
