import { rfc3339 } from "../domain/rfc3339.ts";

/** Which of the three files, by the flag that names it. */
export interface TlsFile {
  readonly flag: "--cert" | "--key" | "--ca";
  readonly path: string;
}

/** What a side of a connection is: what its certificate has to be good for. */
export type TlsUsage = "server" | "client";

/** Why the files can't be used. */
export type TlsProblem =
  | { readonly kind: "unreadable"; readonly file: TlsFile; readonly code: string }
  | { readonly kind: "not-pem"; readonly file: TlsFile }
  | { readonly kind: "empty-ca"; readonly file: TlsFile }
  | { readonly kind: "mismatch"; readonly cert: TlsFile; readonly key: TlsFile }
  | { readonly kind: "expired"; readonly file: TlsFile; readonly atMs: number }
  | { readonly kind: "not-yet-valid"; readonly file: TlsFile; readonly fromMs: number }
  /** Bun's TLS refuses a certificate that is good for "any" usage and names none. */
  | { readonly kind: "any-usage"; readonly file: TlsFile }
  | { readonly kind: "wrong-usage"; readonly file: TlsFile; readonly usage: TlsUsage }
  /** Nothing that was looked for is wrong, and yet who was to use it would not have it. */
  | { readonly kind: "refused"; readonly file: TlsFile; readonly reason: string };

/**
 * Whether nobody should start with such files: they are absent, no such files, or don't belong together. With the others an agent
 * starts and waits for better ones.
 */
export function stopsStart(problem: TlsProblem): boolean {
  return ["unreadable", "not-pem", "empty-ca", "mismatch"].includes(problem.kind);
}

/** One line that names the file and says what to do. */
export function describeTlsProblem(problem: TlsProblem): string {
  switch (problem.kind) {
    case "unreadable":
      return `${named(problem.file)} ${unreadable(problem.code)}`;
    case "not-pem":
      return problem.file.flag === "--key"
        ? `${named(problem.file)} is not a private key: it must be PEM, without a passphrase`
        : `${named(problem.file)} is not a certificate: it must be PEM`;
    case "empty-ca":
      return `${named(problem.file)} holds no certificate: put there that of the authority which signs servers and agents`;
    case "mismatch":
      return `${named(problem.key)} does not belong to ${named(problem.cert)}: give the key that the certificate was made for`;
    case "expired":
      return `the certificate in ${named(problem.file)} expired at ${rfc3339(problem.atMs)}: put a new one in its place, it is read without a restart`;
    case "not-yet-valid":
      return `the certificate in ${named(problem.file)} is valid only from ${rfc3339(problem.fromMs)}: is this machine's clock right?`;
    case "any-usage":
      return `the certificate in ${named(problem.file)} has no extended key usage but "any", which TLS here refuses: issue it for server auth and client auth (cert-manager: usages: ["server auth", "client auth"]), or with none`;
    case "wrong-usage":
      return `the certificate in ${named(problem.file)} may not be used by a ${problem.usage}: issue it with the extended key usage ${problem.usage} auth`;
    case "refused":
      return `TLS does not take ${named(problem.file)} and what goes with it: ${problem.reason}`;
    default:
      return problem satisfies never;
  }
}

function named({ flag, path }: TlsFile): string {
  return `${flag} ${path}`;
}

function unreadable(code: string): string {
  switch (code) {
    case "ENOENT":
    case "ENOTDIR":
      return "does not exist";
    case "EISDIR":
      return "is a directory: name the file in it";
    case "EACCES":
      return "may not be read by this user";
    default:
      return `can't be read (${code})`;
  }
}
