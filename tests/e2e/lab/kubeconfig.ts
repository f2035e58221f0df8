import { readFile, writeFile } from "node:fs/promises";
import { stringify } from "yaml";

export interface KubeconfigOptions {
  readonly path: string;
  readonly server: string;
  /** Path of the API server's CA certificate. */
  readonly ca: string;
  readonly token: string;
  /** The context's namespace. */
  readonly namespace?: string;
}

/** Writes a kubeconfig with one context and gives its path. */
export async function writeKubeconfig({
  path,
  server,
  ca,
  token,
  namespace = "default",
}: KubeconfigOptions): Promise<string> {
  const authority = (await readFile(ca)).toString("base64");
  const config = {
    apiVersion: "v1",
    kind: "Config",
    "current-context": "lab",
    clusters: [{ name: "lab", cluster: { server, "certificate-authority-data": authority } }],
    users: [{ name: "lab", user: { token } }],
    contexts: [{ name: "lab", context: { cluster: "lab", user: "lab", namespace } }],
  };
  await writeFile(path, stringify(config), { mode: 0o600 });
  return path;
}
