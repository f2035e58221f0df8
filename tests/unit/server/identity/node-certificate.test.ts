import { expect, test } from "bun:test";
import { nodeOfCertificate } from "../../../../src/server/identity/node-certificate.ts";

test.each([
  [["DNS:node-a.node.kiam"], "node-a"],
  [["DNS:ip-10-0-0-1.eu-west-1.compute.internal.node.kiam"], "ip-10-0-0-1.eu-west-1.compute.internal"],
  [["DNS:kiam-agent", "IP Address:10.0.0.1", "DNS:node-a.node.kiam", "URI:spiffe://cluster/agent"], "node-a"],
  [["DNS:node-a.node.kiam", "DNS:NODE-A.node.kiam"], "node-a"],
  [["DNS:Node-A.Node.Kiam"], "node-a"],
  [["DNS:node.kiam.node.kiam"], "node.kiam"],
  [["DNS:7.node.kiam"], "7"],
])("%p speaks for node %s", (names, nodeName) => {
  expect(nodeOfCertificate(names)).toEqual({ kind: "node", nodeName });
});

test.each([
  [[]],
  [["DNS:kiam-agent"]],
  [["DNS:node.kiam"]],
  [["DNS:.node.kiam"]],
  [["DNS:*.node.kiam"]],
  [["DNS:node-*.node.kiam"]],
  [["DNS:node-a.node.kiam."]],
  [["DNS:node-a.node.kiam.example.com"]],
  [["DNS:node-axnode.kiam"]],
  [["DNS:node-a..node.kiam"]],
  [["DNS:-node.node.kiam"]],
  [["DNS:node-.node.kiam"]],
  [["DNS:node_a.node.kiam"]],
  [["DNS:node a.node.kiam"]],
  [["DNS:nöde.node.kiam"]],
  [["DNS:node-a.node.kiam\n"]],
  [["DNS:node-a.node.\u212Aiam"]],
  [['DNS:"node-a.node.kiam"']],
  [['DNS:"x, DNS:node-a.node.kiam"']],
  [["DNS:x:node-a.node.kiam"]],
  [["dns:node-a.node.kiam"]],
  [["URI:node-a.node.kiam"]],
  [["URI:DNS:node-a.node.kiam"]],
  [["email:node-a.node.kiam"]],
  [["othername:DNS:node-a.node.kiam"]],
  [["node-a.node.kiam"]],
  [[" DNS:node-a.node.kiam"]],
])("%p speaks for no node", (names) => {
  expect(nodeOfCertificate(names)).toEqual({ kind: "no-node" });
});

test("a certificate that names two nodes speaks for neither", () => {
  const names = ["DNS:node-a.node.kiam", "DNS:node-b.node.kiam"];

  expect(nodeOfCertificate(names)).toEqual({ kind: "several-nodes" });
});
