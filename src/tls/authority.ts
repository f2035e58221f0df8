import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { commonName, generateKeys, type Issuer, keyIdOf, signCertificate, type Validity } from "./certificate.ts";
import { type DerElement, elementsOf, firstElement } from "./der-reader.ts";

/** A certificate, or several, and the key of the first, both PEM. */
export interface PemPair {
  readonly cert: string;
  /** PKCS#8. */
  readonly key: string;
}

/** That many bytes that nobody can guess. */
export type RandomBytes = (count: number) => Uint8Array;

/** Who signs the certificates of servers and agents. */
export interface Authority extends Issuer {
  /** PEM; of one that was read, the whole file. */
  readonly cert: string;
  /** When its own certificate ends: none that it signs is good for longer. */
  readonly expiresAtMs: number;
}

/** Makes an authority of its own, EC P-256. */
export function createAuthority(name: string, validity: Validity, random: RandomBytes): Authority {
  const { publicKey, privateKey } = generateKeys();
  const issuer = { subject: commonName(name), keyId: keyIdOf(publicKey), key: privateKey };
  const content = { role: "authority", subject: issuer.subject, publicKey, validity, serial: serial(random) } as const;
  return { ...issuer, cert: signCertificate(content, issuer), expiresAtMs: validity.toMs };
}

export type AuthorityReading =
  | { readonly kind: "authority"; readonly authority: Authority }
  /** @property problem the end of a sentence that begins with the file: of the certificate, or of the key */
  | { readonly kind: "unusable"; readonly of: "cert" | "key"; readonly problem: string };

/** Takes an authority that somebody made before, EC or RSA. */
export function openAuthority(pem: PemPair, nowMs: number): AuthorityReading {
  const unusable = (of: "cert" | "key", problem: string) => ({ kind: "unusable", of, problem }) as const;
  const certificate = attempt(() => new X509Certificate(pem.cert));
  if (certificate === undefined) {
    return unusable("cert", "is not a certificate in PEM");
  }
  const key = attempt(() => createPrivateKey(pem.key));
  if (key === undefined) {
    return unusable("key", "is not a private key in PEM without a passphrase");
  }
  if (!certificate.checkPrivateKey(key)) {
    return unusable("key", "does not belong to the authority's certificate");
  }
  if (key.asymmetricKeyType !== "ec" && key.asymmetricKeyType !== "rsa") {
    return unusable("key", "is neither an EC key nor an RSA key");
  }
  if (!certificate.ca) {
    return unusable("cert", "is not the certificate of an authority");
  }
  if (nowMs >= certificate.validToDate.getTime()) {
    return unusable("cert", `expired at ${certificate.validToDate.toISOString()}`);
  }
  return { kind: "authority", authority: authorityOf(pem.cert, certificate, key) };
}

/** A serial number of 16 bytes, positive. */
export function serial(random: RandomBytes): Uint8Array {
  const bytes = random(16);
  return Uint8Array.of(((bytes[0] ?? 0) & 0x7f) | 0x40, ...bytes.subarray(1));
}

function authorityOf(cert: string, certificate: X509Certificate, key: KeyObject): Authority {
  const [toBeSigned] = elementsOf(firstElement(certificate.raw).content);
  const fields = elementsOf(toBeSigned?.content ?? new Uint8Array(0));
  // serialNumber, signature, issuer, validity, subject; the version before them has a tag of its own.
  const [, , , , subject] = fields.filter(({ type }) => type !== 0xa0);
  return {
    cert,
    key,
    subject: new Uint8Array(subject?.bytes ?? []),
    keyId: writtenKeyId(fields) ?? keyIdOf(certificate.publicKey),
    expiresAtMs: certificate.validToDate.getTime(),
  };
}

/** 2.5.29.14, in DER. */
const subjectKeyIdentifier = Buffer.from([0x55, 0x1d, 0x0e]);

/** What the certificate says that its key is called: those that it signs must call it the same. */
function writtenKeyId(fields: readonly DerElement[]): Uint8Array | undefined {
  const extensions = fields.find(({ type }) => type === 0xa3);
  const list = extensions === undefined ? [] : elementsOf(firstElement(extensions.content).content);
  const value = list
    .map(({ content }) => elementsOf(content))
    .find(([id]) => id !== undefined && subjectKeyIdentifier.equals(id.content))
    ?.at(-1);
  return value === undefined ? undefined : firstElement(value.content).content;
}

function attempt<Value>(parse: () => Value): Value | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}
