/** For which node a certificate speaks. */
export type CertificateNode =
  | { readonly kind: "node"; readonly nodeName: string }
  | { readonly kind: "no-node" }
  | { readonly kind: "several-nodes" }
  | { readonly kind: "several-uris" };

/**
 * `<name>.node.kiam`, where the name is one that Kubernetes gives nodes: labels of letters, digits and hyphens, with dots in
 * between. No wildcard is one. https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
 */
const nodeDnsName = /^((?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)\.node\.kiam$/i;

/** Such a name by itself. In a SPIFFE id upper and lower case are not the same. */
const nodeForm = /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;

/**
 * @param alternativeNames `DNS:…`, `URI:…`, one each, as TLS verified them
 * @param trustDomain whose `spiffe://<domain>/kiam/node/<name>` counts; without it no URI does
 */
export function nodeOfCertificate(alternativeNames: readonly string[], trustDomain?: string): CertificateNode {
  const byDns = alternativeNames.map(nodeOfDnsName).filter((name) => name !== undefined);
  const byUri = alternativeNames.map((name) => nodeOfSpiffeId(name, trustDomain)).filter((name) => name !== undefined);
  // https://github.com/spiffe/spiffe/blob/main/standards/X509-SVID.md#2-spiffe-id has it refused.
  if (byUri.length > 0 && alternativeNames.filter((name) => name.startsWith(uri)).length > 1) {
    return { kind: "several-uris" };
  }
  const [nodeName, another] = new Set([...byDns, ...byUri]);
  if (nodeName === undefined) {
    return { kind: "no-node" };
  }
  return another === undefined ? { kind: "node", nodeName } : { kind: "several-nodes" };
}

const dns = "DNS:";
const uri = "URI:";

function nodeOfDnsName(alternativeName: string): string | undefined {
  const name = alternativeName.startsWith(dns) ? nodeDnsName.exec(alternativeName.slice(dns.length))?.[1] : undefined;
  // DNS names are equal in either case, nodes' names have only the lower one.
  return name?.toLowerCase();
}

function nodeOfSpiffeId(alternativeName: string, trustDomain: string | undefined): string | undefined {
  const prefix = `${uri}spiffe://${trustDomain}/kiam/node/`;
  if (trustDomain === undefined || !alternativeName.startsWith(prefix)) {
    return undefined;
  }
  const name = alternativeName.slice(prefix.length);
  return nodeForm.test(name) ? name : undefined;
}
