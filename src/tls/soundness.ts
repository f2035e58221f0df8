import type { X509Certificate } from "node:crypto";
import type { TlsFile, TlsProblem, TlsUsage } from "./problem.ts";

export const usageIds: Readonly<Record<TlsUsage, string>> = {
  server: "1.3.6.1.5.5.7.3.1",
  client: "1.3.6.1.5.5.7.3.2",
};
const anyUsageId = "2.5.29.37.0";

/** What is wrong with a certificate's dates, if anything. */
export function validityProblem(certificate: X509Certificate, file: TlsFile, nowMs: number): TlsProblem | undefined {
  const fromMs = certificate.validFromDate.getTime();
  const atMs = certificate.validToDate.getTime();
  if (nowMs < fromMs) {
    return { kind: "not-yet-valid", file, fromMs };
  }
  return nowMs >= atMs ? { kind: "expired", file, atMs } : undefined;
}

/** What is wrong with a certificate's extended key usage, if anything; one that has none is good for all. */
export function usageProblem(
  certificate: X509Certificate,
  file: TlsFile,
  usage: TlsUsage | undefined,
): TlsProblem | undefined {
  // Node calls the extended key usage by this name, and Bun's is undefined where Node's types promise a list.
  const ids: readonly string[] | undefined = certificate.keyUsage;
  const wanted = usage === undefined ? Object.values(usageIds) : [usageIds[usage]];
  if (ids === undefined || wanted.some((id) => ids.includes(id))) {
    return undefined;
  }
  const namesNone = !Object.values(usageIds).some((id) => ids.includes(id));
  if (namesNone && ids.includes(anyUsageId)) {
    return { kind: "any-usage", file };
  }
  return { kind: "wrong-usage", file, usage: usage ?? "client" };
}
