import { expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { isVouchedFor } from "../../../src/tls/vouch.ts";
import { createTestAuthority } from "../../fixtures/tls.ts";

const authority = createTestAuthority();
const successor = createTestAuthority("the next CA");
const namesake = createTestAuthority();
const certificate = new X509Certificate(authority.issue({}).cert).raw;

test.each([
  ["its own authority", authority.pem, true],
  ["its own authority among others", successor.pem + authority.pem, true],
  ["another authority", successor.pem, false],
  ["another authority of the same name", namesake.pem, false],
  ["no authority", "", false],
])("a certificate and %s", (_, ca, expected) => {
  expect(isVouchedFor(certificate, ca)).toBe(expected);
});

test("nobody vouches for what is no certificate", () => {
  expect(isVouchedFor(Uint8Array.of(1, 2, 3), authority.pem)).toBe(false);
});
