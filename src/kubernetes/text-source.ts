import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { at, textAt } from "./raw-json.ts";

/** Where a text of a kubeconfig comes from: written in it, or a file that is read anew each time. */
export type TextSource =
  | { readonly kind: "none" }
  | { readonly kind: "inline"; readonly text: string }
  | { readonly kind: "file"; readonly path: string };

/**
 * The source that a kubeconfig's entry names: `<name>-data` in base64, which goes first, or `<name>`, a file beside the
 * kubeconfig unless its path is absolute. Throws for what is neither.
 */
export function pemSource(entry: unknown, name: string, directory: string): TextSource {
  const data = at(entry, `${name}-data`);
  if (data !== undefined && data !== null && data !== "") {
    if (typeof data !== "string" || !/^[A-Za-z0-9+/\s]+=*\s*$/.test(data)) {
      throw new Error(`${name}-data is not base64`);
    }
    return { kind: "inline", text: Buffer.from(data, "base64").toString("utf8") };
  }
  return fileSource(entry, name, directory);
}

/** A file that an entry names, beside the kubeconfig unless its path is absolute. */
export function fileSource(entry: unknown, name: string, directory: string): TextSource {
  const path = textAt(entry, name);
  return path === "" ? { kind: "none" } : { kind: "file", path: resolve(directory, path) };
}

/** Rejects where the file can't be read; the message names it. */
export async function readSource(source: TextSource): Promise<string | undefined> {
  switch (source.kind) {
    case "none":
      return undefined;
    case "inline":
      return source.text;
    case "file":
      return await readFile(source.path, "utf8");
    default:
      return source satisfies never;
  }
}
