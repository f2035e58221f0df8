import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readBundle, readTrustStore, systemTrust, type TrustEnvironment } from "../../../src/tls/trust-store.ts";
import { createTestAuthority } from "../../fixtures/tls.ts";

const [a, b, c, d] = ["A", "B", "C", "D"].map((name) => createTestAuthority(name).pem.trim());
const broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";

const root = mkdtempSync(join(tmpdir(), "kiam-trust-"));
afterAll(() => rmSync(root, { recursive: true }));
const write = (name: string, text = "") => {
  writeFileSync(join(root, name), text);
  return join(root, name);
};
mkdirSync(join(root, "certs"));
mkdirSync(join(root, "empty"));
const first = write("first.crt", `# Debian's\n${a}\n${a}\n`);
const second = write("second.crt", b);
write("certs/c.pem", c);
symlinkSync("c.pem", join(root, "certs/1234.0"));
symlinkSync(join(root, "named.pem"), join(root, "certs/linked.pem"));
const named = write("named.pem", d);
const system = {
  files: [join(root, "absent.crt"), first, second],
  directories: [join(root, "absent"), join(root, "certs")],
};

/** The names of the authorities that are trusted, in order; or the problem. */
async function trusted(env: TrustEnvironment, of = system): Promise<string> {
  const store = await readTrustStore(env, of);
  return store.kind === "problem" ? store.problem : namesIn(store.roots);
}

function namesIn(roots = ""): string {
  const names = new Map([a, b, c, d].map((pem, index) => [pem, "ABCD"[index]]));
  return roots === ""
    ? ""
    : roots
        .split(/(?<=END CERTIFICATE-----)\n/)
        .map((pem) => names.get(pem) ?? "?")
        .join("");
}

test("the first of the system's files, and what is in its directories: each once", async () => {
  expect(await trusted({})).toBe("ACD");
});

test("the distributions' places are those that Go knows", () => {
  expect(systemTrust.files[0]).toBe("/etc/ssl/certs/ca-certificates.crt");
  expect(systemTrust.directories).toEqual(["/etc/ssl/certs", "/etc/pki/tls/certs"]);
});

describe("the variables of Go programs", () => {
  test.each<[string, TrustEnvironment, string]>([
    ["SSL_CERT_FILE stands for the file, the directories stay", { SSL_CERT_FILE: second }, "BCD"],
    ["SSL_CERT_DIR stands for the directories, the file stays", { SSL_CERT_DIR: join(root, "empty") }, "A"],
    ["both for both", { SSL_CERT_FILE: named, SSL_CERT_DIR: join(root, "empty") }, "D"],
    ["several directories", { SSL_CERT_DIR: `${join(root, "absent")}:${join(root, "certs")}` }, "ACD"],
    ["empty ones count for nothing", { SSL_CERT_FILE: "", SSL_CERT_DIR: "" }, "ACD"],
  ])("%s", async (_, env, names) => {
    expect(await trusted(env)).toBe(names);
  });
});

test("a certificate that can't be read takes none of the others with it", async () => {
  expect(await trusted({ SSL_CERT_FILE: write("mixed.crt", `${broken}\n${b}`), SSL_CERT_DIR: root })).toContain("B");
  expect(
    await trusted({ SSL_CERT_FILE: write("mixed.crt", `${broken}\n${b}`), SSL_CERT_DIR: join(root, "empty") }),
  ).toBe("B");
});

test("a system without a store has none", async () => {
  expect(await readTrustStore({}, { files: [], directories: [] })).toEqual({ kind: "roots", roots: undefined });
});

describe("a file that a variable names and that can't be used is told in one line", () => {
  test.each([
    ["absent.pem", undefined, "it does not exist"],
    ["empty", undefined, "it is a directory"],
    ["void.pem", "", "it holds no PEM certificate"],
    ["text.pem", "certificates", "it holds no PEM certificate"],
    ["broken.pem", broken, "it holds no PEM certificate"],
  ])("%s", async (name, text, reason) => {
    const path = text === undefined ? join(root, name) : write(name, text);

    const problem = { kind: "problem", problem: `AWS_CA_BUNDLE ${path}: ${reason}` } as const;

    expect(await readBundle("AWS_CA_BUNDLE", path)).toEqual(problem);
    expect(await trusted({ SSL_CERT_FILE: path })).toBe(problem.problem.replace("AWS_CA_BUNDLE", "SSL_CERT_FILE"));
  });
});
