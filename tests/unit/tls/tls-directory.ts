import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TlsFiles } from "../../../src/tls/material.ts";

export interface TlsDirectory extends AsyncDisposable {
  readonly path: string;
  readonly files: TlsFiles;
  write(texts: Partial<Record<keyof TlsFiles, string>>): Promise<void>;
}

/** A directory of its own with the three files in it that are given. */
export async function createTlsDirectory(texts: Partial<Record<keyof TlsFiles, string>>): Promise<TlsDirectory> {
  const path = await mkdtemp(join(tmpdir(), "kiam-tls-"));
  const files = { cert: join(path, "cert.pem"), key: join(path, "key.pem"), ca: join(path, "ca.pem") };
  async function write(some: typeof texts): Promise<void> {
    for (const name of ["cert", "key", "ca"] as const) {
      if (some[name] !== undefined) {
        await writeFile(files[name], some[name]);
      }
    }
  }
  await write(texts);
  return { path, files, write, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
