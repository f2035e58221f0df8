export interface SecretContent {
  readonly name: string;
  readonly namespace: string;
  /** Texts by the names that they have as files, where the Secret is mounted. */
  readonly files: Readonly<Record<string, string>>;
}

/** A Secret as a YAML document, as `kubectl apply` takes it. */
export function secretManifest({ name, namespace, files }: SecretContent): string {
  return [
    "apiVersion: v1",
    "kind: Secret",
    "metadata:",
    // Quoted: a namespace may be called 123, and base64 may look like anything.
    `  name: ${JSON.stringify(name)}`,
    `  namespace: ${JSON.stringify(namespace)}`,
    "type: Opaque",
    "data:",
    ...Object.entries(files).map(
      ([file, text]) => `  ${JSON.stringify(file)}: "${Buffer.from(text).toString("base64")}"`,
    ),
    "",
  ].join("\n");
}

/** Several documents in one text. */
export function manifestList(manifests: readonly string[]): string {
  return manifests.join("---\n");
}
