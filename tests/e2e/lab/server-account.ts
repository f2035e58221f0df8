import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import type { ControlPlane } from "./control-plane.ts";
import { writeKubeconfig } from "./kubeconfig.ts";

/** The account that kiam's servers run under in the lab, with no more rights than deploy/base/rbac.yaml gives. */
export interface ServerAccount {
  readonly namespace: string;
  readonly name: string;
  readonly token: string;
  /** Path. */
  readonly kubeconfig: string;
}

const name = "kiam-server";

/** Applies a manifest, which is deploy/base/rbac.yaml, and takes a token of the account `kiam-server` that it makes. */
export async function createServerAccount(
  { api, url, ca }: ControlPlane,
  manifestPath: string,
  directory: string,
): Promise<ServerAccount> {
  const manifest = await Bun.file(manifestPath).text();
  const objects: readonly (Account | null)[] = parseAllDocuments(manifest).map((document) => document.toJS());
  const account = objects.find((each) => each?.kind === "ServiceAccount" && each.metadata.name === name);
  if (account === undefined || account === null) {
    throw new Error(`${manifestPath} makes no ServiceAccount ${name}`);
  }
  const namespace = account.metadata.namespace ?? "default";
  // kube-system and default are there from the start: the answer may be a conflict.
  await api.request("POST", "/api/v1/namespaces", { metadata: { name: namespace } });
  await api.apply(manifest);
  const token = await api.createServiceAccountToken({ namespace, name });
  const path = join(directory, `${name}.kubeconfig`);
  return { namespace, name, token, kubeconfig: await writeKubeconfig({ path, server: url, ca, token, namespace }) };
}

interface Account {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}
