import { Counter, Gauge, type Registry } from "prom-client";
import { stopsStart, type TlsProblem } from "../tls/problem.ts";

export type TlsMetrics = ReturnType<typeof createTlsMetrics>;

/** The Go release's names, types and values for what becomes of certificates, and a count of its own. */
export function createTlsMetrics(side: "server" | "client", registry: Registry) {
  const registers = [registry];
  const gauge = (name: string, help: string) =>
    new Gauge({ name: `grpc_${side}_tls_certificate_${name}`, help, registers });
  const expiry = gauge("expiry_seconds", "When the certificate in use expires, Unix time; 0 while there is none");
  const updateError = gauge("update_error", "1 while the certificate files can't be taken into use, else 0");
  const verifyError = gauge(
    "verify_error",
    "1 while the certificate in the files is not valid or not for this use, else 0",
  );
  return {
    /** @param atMs milliseconds since the Unix epoch */
    expires: (atMs: number | undefined) => expiry.set((atMs ?? 0) / 1000),
    /** What is wrong with the files now; `undefined` once they are sound. */
    filesAre(problem: TlsProblem | undefined) {
      const isUpdate = problem !== undefined && (stopsStart(problem) || problem.kind === "refused");
      updateError.set(isUpdate ? 1 : 0);
      verifyError.set(problem === undefined || isUpdate ? 0 : 1);
    },
    refusedCertificates: new Counter({
      name: "kiam_tls_refused_certificates_total",
      help: "Connections that failed because this process did not accept the other side's certificate, or that side this one's",
      registers,
    }),
  };
}
