import { X509Certificate } from "node:crypto";
import { certificateBlocks } from "./pem.ts";

/**
 * Whether one of the authorities signed the certificate itself. TLS verified it when the connection was made, chain and dates and
 * all; this is for asking again once the authorities have changed, and answers no for one that an intermediate signed.
 * @param certificate DER  @param caPem authorities that were read before
 */
export function isVouchedFor(certificate: Uint8Array, caPem: string): boolean {
  try {
    const own = new X509Certificate(certificate);
    return certificateBlocks(caPem)
      .map((pem) => new X509Certificate(pem))
      .some((authority) => own.verify(authority.publicKey));
  } catch {
    return false;
  }
}
