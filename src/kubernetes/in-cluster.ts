import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Egress } from "../domain/egress.ts";
import { formatHostPort } from "../domain/host-port.ts";
import { reasonOf } from "../runtime/logger.ts";
import { problemOfTls } from "./check-tls.ts";
import type { ApiAccess, ConnectionResult } from "./connection.ts";

export interface InClusterOptions {
  /** KUBERNETES_SERVICE_HOST: a name or an address; empty outside a cluster. */
  readonly host: string;
  /** KUBERNETES_SERVICE_PORT; empty outside a cluster. */
  readonly port: string;
  readonly egress: Pick<Egress, "proxyFor">;
  /** Where the service account is mounted; where Kubernetes mounts it unless given. */
  readonly directory?: string;
}

/** The API server of the cluster whose pod this process is, as that pod's service account. */
export async function inClusterConnection(options: InClusterOptions): Promise<ConnectionResult> {
  const { host, port, egress, directory = "/var/run/secrets/kubernetes.io/serviceaccount" } = options;
  if (host === "" || port === "") {
    return {
      kind: "unusable",
      problem: "not in a cluster (no KUBERNETES_SERVICE_HOST and _PORT), and no --kubeconfig",
    };
  }
  const first = await readServiceAccount(directory);
  if (first.kind === "unusable") {
    return first;
  }
  const baseUrl = `https://${formatHostPort(host, port)}`;
  const proxyUrl = egress.proxyFor(baseUrl);
  const namespace = await readFile(join(directory, "namespace"), "utf8").catch(() => "");
  return {
    kind: "connection",
    connection: {
      baseUrl,
      ...(proxyUrl === undefined ? {} : { proxyUrl }),
      ...(namespace.trim() === "" ? {} : { namespace: namespace.trim() }),
      access: () => readServiceAccount(directory),
      refused: () => {},
    },
  };
}

async function readServiceAccount(directory: string): Promise<ApiAccess> {
  try {
    const [ca, token] = await Promise.all([
      readFile(join(directory, "ca.crt"), "utf8"),
      readFile(join(directory, "token"), "utf8"),
    ]);
    const tls = { ca, rejectUnauthorized: true };
    const problem = token.trim() === "" ? "the token is empty" : problemOfTls(tls);
    return problem === undefined
      ? { kind: "access", tls, authorization: `Bearer ${token.trim()}` }
      : { kind: "unusable", problem: `service account in ${directory}: ${problem}` };
  } catch (error) {
    return { kind: "unusable", problem: `service account: ${reasonOf(error)}` };
  }
}
