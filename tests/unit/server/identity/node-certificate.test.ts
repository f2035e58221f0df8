import { describe, expect, test } from "bun:test";
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

describe("a SPIFFE id", () => {
  const node = "URI:spiffe://example.org/kiam/node/node-a";

  test.each([
    [[node], "node-a"],
    [
      ["URI:spiffe://example.org/kiam/node/ip-10-0-0-1.eu-west-1.compute.internal"],
      "ip-10-0-0-1.eu-west-1.compute.internal",
    ],
    [["DNS:kiam-agent", node], "node-a"],
    [["DNS:node-a.node.kiam", node], "node-a"],
  ])("of the trust domain speaks for its node: %p", (names, nodeName) => {
    expect(nodeOfCertificate(names, "example.org")).toEqual({ kind: "node", nodeName });
  });

  test.each([
    ["URI:spiffe://example.com/kiam/node/node-a"],
    ["URI:spiffe://example.org.evil.com/kiam/node/node-a"],
    ["URI:spiffe://exampleXorg/kiam/node/node-a"],
    ["URI:spiffe://example.org:443/kiam/node/node-a"],
    ["URI:spiffe://user@example.org/kiam/node/node-a"],
    ["URI:spiffe://Example.org/kiam/node/node-a"],
    ["URI:https://example.org/kiam/node/node-a"],
    ["URI:spiffe://example.org/kiam/node/"],
    ["URI:spiffe://example.org/kiam/node/Node-a"],
    ["URI:spiffe://example.org/kiam/node/node-a/"],
    ["URI:spiffe://example.org/kiam/node/node-a/x"],
    ["URI:spiffe://example.org/kiam/node/x/../node-a"],
    ["URI:spiffe://example.org/kiam/node/node%2da"],
    ["URI:spiffe://example.org/kiam/node/node-a?x"],
    ["URI:spiffe://example.org/kiam/node/node-a\n"],
    ["URI:spiffe://example.org/x/kiam/node/node-a"],
    ["URI:spiffe://example.org/kiam/server/node-a"],
    ["DNS:spiffe://example.org/kiam/node/node-a"],
    ["spiffe://example.org/kiam/node/node-a"],
  ])("%p speaks for no node", (name) => {
    expect(nodeOfCertificate([name], "example.org")).toEqual({ kind: "no-node" });
  });

  test("speaks for no node where there is no trust domain", () => {
    const spoken = [nodeOfCertificate([node]), nodeOfCertificate(["URI:spiffe://undefined/kiam/node/node-a"])];

    expect(spoken).toEqual([{ kind: "no-node" }, { kind: "no-node" }]);
  });

  test("that is not the certificate's only URI makes the certificate worthless", () => {
    const certificate = nodeOfCertificate([node, "URI:https://example.org", "DNS:node-a.node.kiam"], "example.org");

    expect(certificate).toEqual({ kind: "several-uris" });
  });

  test("and a DNS name of another node speak for neither", () => {
    const certificate = nodeOfCertificate([node, "DNS:node-b.node.kiam"], "example.org");

    expect(certificate).toEqual({ kind: "several-nodes" });
  });
});
