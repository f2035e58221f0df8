import { describe, expect, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { readTlsMaterial, type TlsFiles } from "../../../src/tls/material.ts";
import type { TlsProblem } from "../../../src/tls/problem.ts";
import { createTestAuthority } from "../../fixtures/tls.ts";
import { createTlsDirectory } from "./tls-directory.ts";

const authority = createTestAuthority();
const other = createTestAuthority("another CA");
const good = authority.issue({
  names: ["DNS:kiam-server", "DNS:localhost", "URI:spiffe://d/kiam/node/a", "IP:127.0.0.1"],
});

async function problemOf(texts: Partial<Record<keyof TlsFiles, string>>, usage?: "server" | "client") {
  await using directory = await createTlsDirectory(texts);
  const reading = await readTlsMaterial(directory.files, Date.now(), usage);
  return reading.kind === "unusable" ? withoutPaths(reading.problem) : undefined;
}

/** Each file by its flag alone. */
function withoutPaths(problem: TlsProblem): unknown {
  return JSON.parse(JSON.stringify(problem, (key, value) => (key === "path" ? undefined : value)));
}

test("good files give their texts, names, end and fingerprints", async () => {
  await using directory = await createTlsDirectory(good);

  const reading = await readTlsMaterial(directory.files, Date.now(), "server");

  const material = reading.kind === "ok" ? reading.material : undefined;
  expect(material).toMatchObject(good);
  expect(material?.dnsNames).toEqual(["kiam-server", "localhost"]);
  expect(material?.uris).toEqual(["spiffe://d/kiam/node/a"]);
  expect(material?.expiresAtMs).toBeGreaterThan(Date.now());
  expect(material?.digest).toMatch(/^[0-9a-f]{64}$/);
});

test("a name with a comma stays one", async () => {
  await using directory = await createTlsDirectory(authority.issue({ names: ["URI:spiffe://d/a, DNS:kiam-server"] }));

  const reading = await readTlsMaterial(directory.files, Date.now());

  const material = reading.kind === "ok" ? reading.material : undefined;
  expect(material?.uris).toEqual(["spiffe://d/a, DNS:kiam-server"]);
  expect(material?.dnsNames).toEqual([]);
});

describe("the fingerprint of the authorities", () => {
  const fingerprint = async (ca: string) => {
    await using directory = await createTlsDirectory({ ...good, ca });
    const reading = await readTlsMaterial(directory.files, Date.now());
    return reading.kind === "ok" ? reading.material.caFingerprint : reading.problem.kind;
  };

  test("does not change with their order, their number or what is written around them", async () => {
    const together = await fingerprint(`${authority.pem}${other.pem}`);

    expect(await fingerprint(`# new first\n${other.pem}\n${authority.pem}${other.pem}`)).toBe(together);
  });

  test("changes with the set", async () => {
    expect(await fingerprint(authority.pem)).not.toBe(await fingerprint(`${authority.pem}${other.pem}`));
  });
});

test("the digest changes with each of the files", async () => {
  const again = authority.issue({});
  const digests = new Set<string>();
  for (const texts of [good, { ...good, ca: `${good.ca}\n` }, { ...good, key: `${good.key}\n` }, again]) {
    await using directory = await createTlsDirectory(texts);
    const reading = await readTlsMaterial(directory.files, Date.now());
    digests.add(reading.kind === "ok" ? reading.material.digest : reading.problem.kind);
  }

  expect(digests.size).toBe(4);
});

describe("problems", () => {
  const past = { notBefore: new Date("2020-01-01T00:00:00Z"), notAfter: new Date("2021-01-01T00:00:00Z") };
  const future = { notBefore: new Date("2090-01-01T00:00:00Z"), notAfter: new Date("2091-01-01T00:00:00Z") };
  const [cert, key, ca] = [{ flag: "--cert" }, { flag: "--key" }, { flag: "--ca" }];
  const brokenBlock = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
  const encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n";

  test.each<[string, Partial<Record<keyof TlsFiles, string>>, unknown]>([
    ["no certificate", { key: good.key, ca: good.ca }, { kind: "unreadable", file: cert, code: "ENOENT" }],
    ["no key", { cert: good.cert, ca: good.ca }, { kind: "unreadable", file: key, code: "ENOENT" }],
    ["no authorities", { cert: good.cert, key: good.key }, { kind: "unreadable", file: ca, code: "ENOENT" }],
    ["a certificate that is none", { ...good, cert: "garbage" }, { kind: "not-pem", file: cert }],
    ["a certificate that is cut short", { ...good, cert: good.cert.slice(0, 200) }, { kind: "not-pem", file: cert }],
    ["a broken intermediate", { ...good, cert: good.cert + brokenBlock }, { kind: "not-pem", file: cert }],
    ["a key that is none", { ...good, key: good.cert }, { kind: "not-pem", file: key }],
    ["a key with a passphrase", { ...good, key: encrypted }, { kind: "not-pem", file: key }],
    ["a broken authority", { ...good, ca: good.ca + brokenBlock }, { kind: "not-pem", file: ca }],
    ["an empty file of authorities", { ...good, ca: "" }, { kind: "empty-ca", file: ca }],
    ["a key among the authorities", { ...good, ca: good.key }, { kind: "empty-ca", file: ca }],
    ["another's key", { ...good, key: authority.issue({}).key }, { kind: "mismatch", cert, key }],
    ["a certificate that ended", authority.issue(past), { kind: "expired", file: cert, atMs: past.notAfter.getTime() }],
    [
      "one that has not begun",
      authority.issue(future),
      { kind: "not-yet-valid", file: cert, fromMs: future.notBefore.getTime() },
    ],
    [
      "an intermediate that ended",
      { ...good, cert: good.cert + authority.issue(past).cert },
      { kind: "expired", file: cert, atMs: past.notAfter.getTime() },
    ],
    [
      "authorities that all ended",
      { ...good, ca: authority.issue(past).cert },
      { kind: "expired", file: ca, atMs: past.notAfter.getTime() },
    ],
    ["a certificate for any usage", authority.issue({ usage: "any" }), { kind: "any-usage", file: cert }],
    [
      "an authority for any usage",
      { ...good, ca: authority.issue({ usage: "any" }).cert },
      { kind: "any-usage", file: ca },
    ],
  ])("%s", async (_, texts, expected) => {
    expect(await problemOf(texts)).toEqual(expected);
  });

  test("a directory in place of a file", async () => {
    await using directory = await createTlsDirectory({ key: good.key, ca: good.ca });
    await mkdir(directory.files.cert);

    const reading = await readTlsMaterial(directory.files, Date.now());

    expect(reading.kind === "unusable" ? withoutPaths(reading.problem) : "").toEqual({
      kind: "unreadable",
      file: cert,
      code: "EISDIR",
    });
  });

  test("one authority that can be used is enough", async () => {
    const old = authority.issue(past).cert;

    expect(await problemOf({ ...good, ca: old + good.ca })).toBeUndefined();
  });

  test.each([
    ["server", "client", { kind: "wrong-usage", file: cert, usage: "client" }],
    ["client", "server", { kind: "wrong-usage", file: cert, usage: "server" }],
    ["client", "client", undefined],
    ["server", "server", undefined],
    ["both", "client", undefined],
    ["server", undefined, undefined],
    ["client", undefined, undefined],
  ] as const)("a certificate for %s used as %s", async (usage, wanted, expected) => {
    expect(await problemOf(authority.issue({ usage }), wanted)).toEqual(expected);
  });

  test("a moment before its end a certificate is good, at its end it is not", async () => {
    await using directory = await createTlsDirectory(good);
    const first = await readTlsMaterial(directory.files, Date.now());
    const endMs = first.kind === "ok" ? first.material.expiresAtMs : 0;

    expect((await readTlsMaterial(directory.files, endMs - 1)).kind).toBe("ok");
    expect((await readTlsMaterial(directory.files, endMs)).kind).toBe("unusable");
  });
});
