import { X509Certificate } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { certificateBlocks } from "./pem.ts";

/** The variables by which Go programs find the system's trust store. */
export interface TrustEnvironment {
  readonly SSL_CERT_FILE?: string | undefined;
  readonly SSL_CERT_DIR?: string | undefined;
}

/** PEM certificates; `undefined` where there are none, and those that Bun carries have to do. */
export type TrustStore =
  | { readonly kind: "roots"; readonly roots: string | undefined }
  | { readonly kind: "problem"; readonly problem: string };

/** Where Linux distributions keep it. https://go.dev/src/crypto/x509/root_linux.go */
export const systemTrust: { readonly files: readonly string[]; readonly directories: readonly string[] } = {
  files: [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
  ],
  directories: ["/etc/ssl/certs", "/etc/pki/tls/certs"],
};

/**
 * Reads the trust store as Go programs do: SSL_CERT_FILE stands for the first of the system's files that there is, SSL_CERT_DIR (with
 * colons between) for its directories, and both are read. Only a SSL_CERT_FILE that can't be used is a problem here, which Go passes over.
 */
export async function readTrustStore(env: TrustEnvironment, system = systemTrust): Promise<TrustStore> {
  const named = env.SSL_CERT_FILE ? await readBundle("SSL_CERT_FILE", env.SSL_CERT_FILE) : undefined;
  if (named?.kind === "problem") {
    return named;
  }
  const fromFile = named === undefined ? await firstOf(system.files) : (named.roots ?? "");
  const directories = env.SSL_CERT_DIR ? env.SSL_CERT_DIR.split(":") : system.directories;
  const fromDirectories = await Promise.all(directories.map(allOf));
  const roots = usableCertificates([fromFile, ...fromDirectories].join("\n"));
  return { kind: "roots", roots: roots === "" ? undefined : roots };
}

/** The certificates of one file that a variable names: a problem where there are none. */
export async function readBundle(variable: string, path: string): Promise<TrustStore> {
  try {
    const roots = usableCertificates(await readFile(path, "utf8"));
    return roots === ""
      ? { kind: "problem", problem: `${variable} ${path}: it holds no PEM certificate` }
      : { kind: "roots", roots };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    return { kind: "problem", problem: `${variable} ${path}: ${reasons[code] ?? `it can't be read (${code})`}` };
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "it does not exist",
  EACCES: "it may not be read",
  EISDIR: "it is a directory",
};

/** Each certificate once, and none that can't be read: Bun takes a text with a bad one for nothing at all. */
function usableCertificates(text: string): string {
  return [...new Set(certificateBlocks(text))].filter(isReadable).join("\n");
}

function isReadable(block: string): boolean {
  try {
    return new X509Certificate(block).subject !== undefined;
  } catch {
    return false;
  }
}

async function firstOf(files: readonly string[]): Promise<string> {
  for (const file of files) {
    const text = await readFile(file, "utf8").catch(() => undefined);
    if (text !== undefined) {
      return text;
    }
  }
  return "";
}

async function allOf(directory: string): Promise<string> {
  const names = await readdir(directory).catch(() => []);
  const texts = names.sort().map((name) => readFile(join(directory, name), "utf8").catch(() => ""));
  return (await Promise.all(texts)).join("\n");
}
