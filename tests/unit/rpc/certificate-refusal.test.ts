import { expect, test } from "bun:test";
import { isCertificateRefusal } from "../../../src/rpc/certificate-refusal.ts";

test.each([
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "INVALID_PURPOSE",
  "ERR_TLS_CERT_ALTNAME_INVALID",
  "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE",
  "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA",
  "ERR_SSL_TLSV1_ALERT_CERTIFICATE_REQUIRED",
])("%s is of a certificate", (code) => {
  expect(isCertificateRefusal(code)).toBeTrue();
});

test.each(["ECONNRESET", "ECONNREFUSED", "ERR_SSL_WRONG_VERSION_NUMBER", "ERR_SSL_HTTP_REQUEST", "ETIMEDOUT", ""])(
  "%p is not",
  (code) => {
    expect(isCertificateRefusal(code)).toBeFalse();
  },
);
