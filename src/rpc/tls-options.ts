import { constants } from "node:crypto";

/** PEM texts of one side of mutual TLS: its own certificate chain and key, and the authorities that it trusts. */
export interface TlsIdentity {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/**
 * What both sides of every connection insist on. Tickets are off because a resumed session keeps the identity of the
 * first handshake, also when its certificate has been withdrawn since; `rejectUnauthorized` is said because an
 * environment variable can turn the default off.
 */
export function strictTls(identity: TlsIdentity) {
  return {
    cert: identity.cert,
    key: identity.key,
    ca: identity.ca,
    minVersion: "TLSv1.2",
    rejectUnauthorized: true,
    secureOptions: constants.SSL_OP_NO_TICKET,
  } as const;
}
