import type { Authority, PemPair, RandomBytes } from "../tls/authority.ts";
import type { Validity } from "../tls/certificate.ts";
import { issueAgent, issueNodeAgent, issueServer } from "../tls/pki.ts";
import { secretManifest } from "../tls/secret-manifest.ts";
import { serverAddresses } from "./certs-addresses.ts";
import type { CertsFlags } from "./certs-flags.ts";

/** Everything that one run of `kiam certs` makes. */
export interface IssuedCertificates {
  readonly authority: Authority;
  readonly server: PemPair;
  /** For agents that prove themselves by a token, or not at all. */
  readonly agent: PemPair;
  readonly nodes: readonly { readonly node: string; readonly pair: PemPair }[];
}

export interface OutputFile {
  readonly name: string;
  readonly text: string;
  /** 0600 where there is a key inside. */
  readonly mode: 0o600 | 0o644;
}

export function issueCertificates(
  authority: Authority,
  flags: Pick<CertsFlags, "serverNames" | "namespace" | "nodes">,
  validity: Validity,
  random: RandomBytes,
): IssuedCertificates {
  return {
    authority,
    server: issueServer(authority, serverAddresses(flags.serverNames, flags.namespace), validity, random),
    agent: issueAgent(authority, validity, random),
    nodes: [...new Set(flags.nodes)].map((node) => ({ node, pair: issueNodeAgent(authority, node, validity, random) })),
  };
}

/** The names that the Go release's guide and manifests use. */
export function pemFiles({ server, agent, nodes }: IssuedCertificates): readonly OutputFile[] {
  return [
    ...pairFiles("server", server),
    ...pairFiles("agent", agent),
    ...nodes.flatMap(({ node, pair }) => pairFiles(`node-${node}`, pair)),
  ];
}

/** One Secret a file, each with what its pods mount. */
export function manifestFiles(issued: IssuedCertificates, namespace: string): readonly OutputFile[] {
  const manifest = (name: string, pairName: string, pair: PemPair): OutputFile => {
    const files = [certificateFile("ca", issued.authority.cert), ...pairFiles(pairName, pair)];
    const texts = Object.fromEntries(files.map((file) => [file.name, file.text]));
    return { name: `${name}.yaml`, text: secretManifest({ name, namespace, files: texts }), mode: 0o600 };
  };
  return [
    manifest("kiam-server-tls", "server", issued.server),
    manifest("kiam-agent-tls", "agent", issued.agent),
    ...issued.nodes.map(({ node, pair }) => manifest(`kiam-agent-tls-${node}`, "agent", pair)),
  ];
}

export function certificateFile(name: string, cert: string): OutputFile {
  return { name: `${name}.pem`, text: cert, mode: 0o644 };
}

export function keyFile(name: string, key: string): OutputFile {
  return { name: `${name}-key.pem`, text: key, mode: 0o600 };
}

function pairFiles(name: string, { cert, key }: PemPair): readonly OutputFile[] {
  return [certificateFile(name, cert), keyFile(name, key)];
}
