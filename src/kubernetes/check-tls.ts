import { createSecureContext } from "node:tls";
import { reasonOf } from "../runtime/logger.ts";
import type { ApiTls } from "./connection.ts";

/**
 * What is wrong with the PEM texts, if anything. Bun's `fetch` says only that it could not open a socket, or leaves out a
 * certificate without a key and goes on as nobody.
 */
export function problemOfTls(tls: ApiTls): string | undefined {
  if (tls.ca !== undefined && !tls.ca.includes("-----BEGIN CERTIFICATE-----")) {
    return "the certificate authority holds no PEM certificate";
  }
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    return tls.key === undefined ? "a client certificate without its key" : "a client key without its certificate";
  }
  return (
    refusal("the certificate authority", { ca: tls.ca }) ??
    refusal("the client certificate and key", { cert: tls.cert, key: tls.key })
  );
}

function refusal(what: string, pems: Readonly<Record<string, string | undefined>>): string | undefined {
  try {
    createSecureContext(pems);
    return undefined;
  } catch (error) {
    return `${what} can't be used: ${reasonOf(error)}`;
  }
}
