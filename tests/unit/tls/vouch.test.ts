import { expect, test } from "bun:test";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { commonName, keyIdOf, signCertificate } from "../../../src/tls/certificate.ts";
import { isVouchedFor } from "../../../src/tls/vouch.ts";
import { createTestAuthority } from "../../fixtures/tls.ts";

const authority = createTestAuthority();
const successor = createTestAuthority("the next CA");
const namesake = createTestAuthority();
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const rsaIssuer = { subject: commonName("rsa"), keyId: keyIdOf(rsa.publicKey), key: rsa.privateKey };
const day = 24 * 60 * 60 * 1000;
const rsaAuthority = signCertificate(
  {
    role: "authority",
    subject: rsaIssuer.subject,
    publicKey: rsa.publicKey,
    validity: { fromMs: Date.now() - day, toMs: Date.now() + day },
    serial: Uint8Array.of(1),
  },
  rsaIssuer,
);
const certificate = new X509Certificate(authority.issue({}).cert).raw;

test.each([
  ["its own authority", authority.pem, true],
  ["its own authority among others", successor.pem + authority.pem, true],
  ["another authority", successor.pem, false],
  ["another authority of the same name", namesake.pem, false],
  ["its own behind one with another kind of key", rsaAuthority + authority.pem, true],
  ["an authority with another kind of key", rsaAuthority, false],
  ["no authority", "", false],
])("a certificate and %s", (_, ca, expected) => {
  expect(isVouchedFor(certificate, ca)).toBe(expected);
});

test("nobody vouches for what is no certificate", () => {
  expect(isVouchedFor(Uint8Array.of(1, 2, 3), authority.pem)).toBe(false);
});
