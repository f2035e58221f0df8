import { expect, test } from "bun:test";
import { describeTlsProblem, stopsStart, type TlsProblem } from "../../../src/tls/problem.ts";

const cert = { flag: "--cert", path: "/tls/agent.pem" } as const;
const key = { flag: "--key", path: "/tls/agent-key.pem" } as const;
const ca = { flag: "--ca", path: "/tls/ca.pem" } as const;

test.each<[TlsProblem, string, boolean]>([
  [{ kind: "unreadable", file: cert, code: "ENOENT" }, "--cert /tls/agent.pem does not exist", true],
  [{ kind: "unreadable", file: ca, code: "EISDIR" }, "--ca /tls/ca.pem is a directory: name the file in it", true],
  [{ kind: "unreadable", file: key, code: "EACCES" }, "--key /tls/agent-key.pem may not be read by this user", true],
  [{ kind: "unreadable", file: key, code: "EIO" }, "--key /tls/agent-key.pem can't be read (EIO)", true],
  [{ kind: "not-pem", file: cert }, "--cert /tls/agent.pem is not a certificate: it must be PEM", true],
  [
    { kind: "not-pem", file: key },
    "--key /tls/agent-key.pem is not a private key: it must be PEM, without a passphrase",
    true,
  ],
  [
    { kind: "empty-ca", file: ca },
    "--ca /tls/ca.pem holds no certificate: put there that of the authority which signs servers and agents",
    true,
  ],
  [
    { kind: "mismatch", cert, key },
    "--key /tls/agent-key.pem does not belong to --cert /tls/agent.pem: give the key that the certificate was made for",
    true,
  ],
  [
    { kind: "expired", file: cert, atMs: Date.UTC(2026, 10, 22, 7, 8, 9, 999) },
    "the certificate in --cert /tls/agent.pem expired at 2026-11-22T07:08:09Z: put a new one in its place, it is read without a restart",
    false,
  ],
  [
    { kind: "not-yet-valid", file: cert, fromMs: Date.UTC(2026, 10, 22) },
    "the certificate in --cert /tls/agent.pem is valid only from 2026-11-22T00:00:00Z: is this machine's clock right?",
    false,
  ],
  [
    { kind: "any-usage", file: cert },
    'the certificate in --cert /tls/agent.pem has no extended key usage but "any", which TLS here refuses: issue it for server auth and client auth (cert-manager: usages: ["server auth", "client auth"]), or with none',
    false,
  ],
  [
    { kind: "wrong-usage", file: cert, usage: "client" },
    "the certificate in --cert /tls/agent.pem may not be used by a client: issue it with the extended key usage client auth",
    false,
  ],
  [
    { kind: "refused", file: cert, reason: "NO_CIPHERS" },
    "TLS does not take --cert /tls/agent.pem and what goes with it: NO_CIPHERS",
    false,
  ],
])("%j", (problem, sentence, stops) => {
  expect(describeTlsProblem(problem)).toBe(sentence);
  expect(stopsStart(problem)).toBe(stops);
});
