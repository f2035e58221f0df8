/** For which node a certificate speaks. */
export type CertificateNode =
  | { readonly kind: "node"; readonly nodeName: string }
  | { readonly kind: "no-node" }
  | { readonly kind: "several-nodes" };

/**
 * `<name>.node.kiam`, where the name is one that Kubernetes gives nodes: labels of letters, digits and hyphens, with dots in
 * between. No wildcard is one. https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
 */
const nodeDnsName = /^((?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)\.node\.kiam$/i;

/** @param alternativeNames `DNS:…`, `URI:…`, one each, as TLS verified them */
export function nodeOfCertificate(alternativeNames: readonly string[]): CertificateNode {
  const nodeNames = new Set(alternativeNames.map(nodeOfName).filter((name) => name !== undefined));
  const [nodeName, another] = nodeNames;
  if (nodeName === undefined) {
    return { kind: "no-node" };
  }
  return another === undefined ? { kind: "node", nodeName } : { kind: "several-nodes" };
}

/** The node that one alternative name stands for; another form of name (a SPIFFE id) is to be read here. */
function nodeOfName(alternativeName: string): string | undefined {
  const dns = "DNS:";
  const name = alternativeName.startsWith(dns) ? nodeDnsName.exec(alternativeName.slice(dns.length))?.[1] : undefined;
  // DNS names are equal in either case, nodes' names have only the lower one.
  return name?.toLowerCase();
}
