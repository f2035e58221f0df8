/** OpenSSL's and Node's names for certificates that one side does not accept, or does not get. */
const certificateCodes =
  /CERT|VERIFY|SELF_SIGNED|ISSUER|SIGNATURE|INVALID_(?:CA|PURPOSE)|PATH_LENGTH|UNKNOWN_CA|ALERT_ACCESS_DENIED/;

/**
 * Whether a handshake failed because of a certificate, by the code of its error. Probes that connect and leave, scanners
 * and clients that speak something else fail by other codes.
 */
export function isCertificateRefusal(code: string): boolean {
  return certificateCodes.test(code);
}
