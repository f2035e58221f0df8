import type { KiamProcess } from "../lab/kiam.ts";
import { createLab, type Lab } from "../lab/lab.ts";
import type { LabNode } from "../lab/node.ts";
import type { Identity } from "../lab/pki.ts";
import type { LabPod } from "../lab/pod.ts";
import { createProofs, type Proofs } from "./proofs.ts";

/** Two nodes with a pod and a proof each, and a server of each mind. */
export interface TwoNodes extends AsyncDisposable {
  readonly lab: Lab;
  /** Refuses agents that prove nothing. */
  readonly strict: KiamProcess;
  /** Serves them. */
  readonly lenient: KiamProcess;
  readonly node1: LabNode;
  readonly node2: LabNode;
  /** A pod on node-1, at 10.244.1.9, that may have the role reader. At 10.244.2.9 on node-2 is one that may have writer. */
  readonly reader: LabPod;
  readonly proofs: Proofs;
  /** Of the agents' pods on either node. */
  readonly token1: string;
  readonly token2: string;
  /** The certificate that all agents share, and that names no node. */
  readonly shared: Identity;
  readonly certificate1: Identity;
  readonly certificate2: Identity;
}

export async function createTwoNodes(): Promise<TwoNodes> {
  await using undo = new AsyncDisposableStack();
  const lab = undo.use(await createLab());
  await lab.api.createNamespace("team", { "iam.amazonaws.com/permitted": ".*" });
  const [strict, lenient] = await Promise.all([
    lab.startServer({ flags: { "agent-identity": "required" } }),
    lab.startServer({ flags: { "agent-identity": "prefer" } }),
  ]);
  const [node1, node2] = [await lab.addNode("node-1"), await lab.addNode("node-2")];
  const [shared, certificate1, certificate2] = await Promise.all([
    lab.agentCertificate(),
    lab.nodeCertificate("node-1"),
    lab.nodeCertificate("node-2"),
  ]);
  const proofs = createProofs(lab, shared);
  const token1 = await proofs.agentToken("kiam-agent-1", node1);
  const token2 = await proofs.agentToken("kiam-agent-2", node2);
  await Promise.all([strict.ready(), lenient.ready()]);
  const reader = await node1.deployPod({ namespace: "team", name: "reader", address: "10.244.1.9", role: "reader" });
  await node2.deployPod({ namespace: "team", name: "writer", address: "10.244.2.9", role: "writer" });
  const made = undo.move();
  return {
    ...{ lab, strict, lenient, node1, node2, reader, proofs, token1, token2 },
    ...{ shared, certificate1, certificate2 },
    [Symbol.asyncDispose]: () => made.disposeAsync(),
  };
}
