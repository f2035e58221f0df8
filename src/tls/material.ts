import { createHash, createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { namesOf } from "./certificate-names.ts";
import { certificateBlocks } from "./pem.ts";
import type { TlsFile, TlsProblem, TlsUsage } from "./problem.ts";
import { usageProblem, validityProblem } from "./soundness.ts";

/** Paths of PEM files. */
export interface TlsFiles {
  /** The own certificate, then the intermediate ones. */
  readonly cert: string;
  /** The key of the first. */
  readonly key: string;
  /** The authorities that the other side's certificates are verified against. */
  readonly ca: string;
}

/** What mutual TLS takes, checked. Never to be logged whole: it holds the private key. */
export interface TlsMaterial {
  /** PEM texts. */
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  /** When the own certificate ends, ms since the Unix epoch. */
  readonly expiresAtMs: number;
  readonly dnsNames: readonly string[];
  readonly uris: readonly string[];
  /** Equal for equal sets of authorities, in whatever order they stand. */
  readonly caFingerprint: string;
  /** Equal for equal texts. */
  readonly digest: string;
}

export type TlsReading =
  | { readonly kind: "ok"; readonly material: TlsMaterial }
  | { readonly kind: "unusable"; readonly problem: TlsProblem };

/**
 * Reads and checks the three files. @param usage what the certificate has to be good for; where it is not given, any one of
 * server and client is enough
 */
export async function readTlsMaterial(files: TlsFiles, nowMs: number, usage?: TlsUsage): Promise<TlsReading> {
  const [cert, key, ca] = await Promise.all([
    readText({ flag: "--cert", path: files.cert }),
    readText({ flag: "--key", path: files.key }),
    readText({ flag: "--ca", path: files.ca }),
  ]);
  if (cert.kind !== "text") {
    return { kind: "unusable", problem: cert };
  }
  if (key.kind !== "text") {
    return { kind: "unusable", problem: key };
  }
  if (ca.kind !== "text") {
    return { kind: "unusable", problem: ca };
  }
  return check(cert, key, ca, nowMs, usage);
}

interface TextOfFile {
  readonly kind: "text";
  readonly file: TlsFile;
  readonly text: string;
}

async function readText(file: TlsFile): Promise<TextOfFile | TlsProblem> {
  try {
    return { kind: "text", file, text: await readFile(file.path, "utf8") };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    return { kind: "unreadable", file, code };
  }
}

function check(
  cert: TextOfFile,
  key: TextOfFile,
  ca: TextOfFile,
  nowMs: number,
  usage: TlsUsage | undefined,
): TlsReading {
  const unusable = (problem: TlsProblem): TlsReading => ({ kind: "unusable", problem });
  const [own, ...intermediates] = parseCertificates(cert.text) ?? [];
  if (own === undefined) {
    return unusable({ kind: "not-pem", file: cert.file });
  }
  const privateKey = parsePrivateKey(key.text);
  if (privateKey === undefined) {
    return unusable({ kind: "not-pem", file: key.file });
  }
  if (!own.checkPrivateKey(privateKey)) {
    return unusable({ kind: "mismatch", cert: cert.file, key: key.file });
  }
  const authorities = parseCertificates(ca.text);
  if (authorities === undefined) {
    return unusable({ kind: "not-pem", file: ca.file });
  }
  const problem =
    soundnessOfAuthorities(authorities, ca.file, nowMs) ??
    [own, ...intermediates].map((one) => validityProblem(one, cert.file, nowMs)).find((found) => found !== undefined) ??
    usageProblem(own, cert.file, usage);
  return problem === undefined
    ? { kind: "ok", material: describe(cert, key, ca, own, authorities) }
    : unusable(problem);
}

/** One that can be used is enough: an old one may stay in the file for a while. */
function soundnessOfAuthorities(
  authorities: readonly X509Certificate[],
  file: TlsFile,
  nowMs: number,
): TlsProblem | undefined {
  const problems = authorities.map((one) => validityProblem(one, file, nowMs) ?? usageProblem(one, file, undefined));
  return problems.length === 0 ? { kind: "empty-ca", file } : problems.includes(undefined) ? undefined : problems[0];
}

function describe(
  cert: TextOfFile,
  key: TextOfFile,
  ca: TextOfFile,
  own: X509Certificate,
  authorities: readonly X509Certificate[],
): TlsMaterial {
  const texts = { cert: cert.text, key: key.text, ca: ca.text };
  const { dnsNames, uris } = namesOf(own);
  return {
    ...texts,
    expiresAtMs: own.validToDate.getTime(),
    dnsNames,
    uris,
    caFingerprint: sha256([...new Set(authorities.map((one) => one.fingerprint256))].sort().join()),
    digest: sha256(JSON.stringify(texts)),
  };
}

/** Every certificate of a PEM text, in order, none for a text without; `undefined` where one of them, or its end, is broken. */
function parseCertificates(text: string): readonly X509Certificate[] | undefined {
  const blocks = certificateBlocks(text);
  if (blocks.length !== text.split("-----BEGIN CERTIFICATE-----").length - 1) {
    return undefined;
  }
  try {
    return blocks.map((pem) => new X509Certificate(pem));
  } catch {
    return undefined;
  }
}

function parsePrivateKey(text: string): KeyObject | undefined {
  try {
    return createPrivateKey(text);
  } catch {
    return undefined;
  }
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
