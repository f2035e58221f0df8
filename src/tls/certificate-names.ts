import type { X509Certificate } from "node:crypto";

export interface CertificateNames {
  readonly dnsNames: readonly string[];
  readonly uris: readonly string[];
}

/** The alternative names of a certificate, as it has them. */
export function namesOf(certificate: X509Certificate): CertificateNames {
  const names = certificate.subjectAltName?.split(", ") ?? [];
  return { dnsNames: withPrefix("DNS:", names), uris: withPrefix("URI:", names) };
}

/** Names with commas and the like come quoted, the commas escaped, so that none can pass itself off as two. */
function withPrefix(prefix: string, names: readonly string[]): readonly string[] {
  return names.filter((name) => name.startsWith(prefix)).map((name) => unquoted(name.slice(prefix.length)));
}

function unquoted(name: string): string {
  return name.startsWith('"') ? String(JSON.parse(name)) : name;
}
