import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import {
  bitString,
  contextConstructed,
  contextPrimitive,
  type Der,
  integer,
  nothing,
  objectId,
  octetString,
  sequence,
  setOf,
  time,
  utf8String,
  yes,
} from "./der.ts";
import { elementsOf, firstElement } from "./der-reader.ts";
import type { TlsUsage } from "./problem.ts";
import { usageIds } from "./soundness.ts";

/** From and to in ms since the Unix epoch; certificates count in seconds. */
export interface Validity {
  readonly fromMs: number;
  readonly toMs: number;
}

/** A name that TLS compares with the address that a client was given. */
export type AlternativeName =
  | { readonly kind: "dns"; readonly name: string }
  /** @property bytes 4 or 16 */
  | { readonly kind: "ip"; readonly bytes: Uint8Array };

/** What a certificate says, and of whom. */
export type CertificateContent = {
  /** Distinguished name, see {@link commonName}. */
  readonly subject: Der;
  readonly publicKey: KeyObject;
  readonly validity: Validity;
  /** Big-endian; unique under one issuer. */
  readonly serial: Uint8Array;
} & (
  | { readonly role: "authority" }
  | { readonly role: "leaf"; readonly names: readonly AlternativeName[]; readonly usages: readonly TlsUsage[] }
);

/** Who signs: itself, for the certificate of an authority that nobody stands above. */
export interface Issuer {
  readonly subject: Der;
  readonly keyId: Uint8Array;
  readonly key: KeyObject;
}

/** RFC 5280's, and the object identifiers of what is in it. */
export function signCertificate(content: CertificateContent, issuer: Issuer): string {
  const algorithm = signatureAlgorithm(issuer.key);
  const toBeSigned = sequence(
    contextConstructed(0, integer(Uint8Array.of(2))), // version 3
    integer(content.serial),
    algorithm,
    issuer.subject,
    sequence(time(content.validity.fromMs), time(content.validity.toMs)),
    content.subject,
    spkiOf(content.publicKey),
    contextConstructed(3, sequence(...extensionsOf(content, issuer))),
  );
  return toPem(sequence(toBeSigned, algorithm, bitString(sign("sha256", toBeSigned, issuer.key))));
}

/** A distinguished name of nothing but a common name. */
export function commonName(name: string): Der {
  return sequence(setOf(sequence(objectId("2.5.4.3"), utf8String(name))));
}

/** By which certificates refer to a key: RFC 5280 4.2.1.2, method 1. */
export function keyIdOf(publicKey: KeyObject): Uint8Array {
  const [, bits] = elementsOf(firstElement(spkiOf(publicKey)).content);
  const key = bits?.content.subarray(1) ?? nothing;
  return createHash("sha1").update(key).digest();
}

export function generateKeys(): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } {
  return generateKeyPairSync("ec", { namedCurve: "P-256" });
}

/** PKCS#8, without a passphrase. */
export function pemOfKey(key: KeyObject): string {
  return String(key.export({ type: "pkcs8", format: "pem" }));
}

function extensionsOf(content: CertificateContent, issuer: Issuer): readonly Der[] {
  const keyIds = [
    extension("2.5.29.14", octetString(keyIdOf(content.publicKey))),
    extension("2.5.29.35", sequence(contextPrimitive(0, issuer.keyId))),
  ];
  if (content.role === "authority") {
    return [
      // For signing others, none of which may do so in turn.
      criticalExtension("2.5.29.19", sequence(yes, integer(Uint8Array.of(0)))),
      criticalExtension("2.5.29.15", bitString(Uint8Array.of(0b0000_0110), 1)), // keyCertSign, cRLSign
      ...keyIds,
    ];
  }
  return [
    criticalExtension("2.5.29.19", sequence()),
    criticalExtension("2.5.29.15", bitString(Uint8Array.of(0b1000_0000), 7)), // digitalSignature
    extension("2.5.29.37", sequence(...content.usages.map((usage) => objectId(usageIds[usage])))),
    extension("2.5.29.17", sequence(...content.names.map(generalName))),
    ...keyIds,
  ];
}

function generalName(name: AlternativeName): Der {
  return name.kind === "dns"
    ? contextPrimitive(2, new TextEncoder().encode(name.name))
    : contextPrimitive(7, name.bytes);
}

function extension(id: string, value: Der): Der {
  return sequence(objectId(id), octetString(value));
}

function criticalExtension(id: string, value: Der): Der {
  return sequence(objectId(id), yes, octetString(value));
}

/** With SHA-256. Throws for a key of another kind than authorities have. */
function signatureAlgorithm(key: KeyObject): Der {
  switch (key.asymmetricKeyType) {
    case "ec":
      return sequence(objectId("1.2.840.10045.4.3.2"));
    case "rsa":
      return sequence(objectId("1.2.840.113549.1.1.11"), Uint8Array.of(0x05, 0x00));
    default:
      throw new TypeError(`certificates are not signed with a key of type ${key.asymmetricKeyType}`);
  }
}

function spkiOf(publicKey: KeyObject): Uint8Array {
  return new Uint8Array(publicKey.export({ type: "spki", format: "der" }));
}

function toPem(der: Der): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return ["-----BEGIN CERTIFICATE-----", ...lines, "-----END CERTIFICATE-----", ""].join("\n");
}
