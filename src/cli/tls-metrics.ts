import { Counter, Gauge, type Registry } from "prom-client";

export type TlsMetrics = ReturnType<typeof createTlsMetrics>;

/** The Go release's names for what becomes of certificates. */
export function createTlsMetrics(side: "server" | "client", registry: Registry) {
  const registers = [registry];
  const prefix = `grpc_${side}_tls_certificate`;
  const expiry = new Gauge({
    name: `${prefix}_expiry_seconds`,
    help: "When the certificate in use expires, Unix time; 0 while there is none",
    registers,
  });
  return {
    /** @param atMs milliseconds since the Unix epoch */
    expires: (atMs: number | undefined) => expiry.set((atMs ?? 0) / 1000),
    updateErrors: new Counter({
      name: `${prefix}_update_error`,
      help: "Certificate files that were found unusable",
      registers,
    }),
    verifyErrors: new Counter({
      name: `${prefix}_verify_error`,
      help: "Connections that failed because a certificate was not accepted",
      registers,
    }),
  };
}
