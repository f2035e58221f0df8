import { expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { runCerts } from "../../../src/cli/certs.ts";
import type { CertsFlags } from "../../../src/cli/certs-flags.ts";
import { readTlsMaterial } from "../../../src/tls/material.ts";
import { createFakeCommandIo } from "../../fakes/command-io.ts";

async function createDirectory() {
  const path = await mkdtemp(join(tmpdir(), "kiam-certs-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

function flags(changed: Partial<CertsFlags>): CertsFlags {
  return {
    outDirectory: undefined,
    secrets: false,
    namespace: "kiam-system",
    serverNames: [],
    nodes: [],
    days: 90,
    caCertPath: undefined,
    caKeyPath: undefined,
    force: false,
    jsonLog: false,
    level: "info",
    warnings: [],
    ...changed,
  };
}

async function run(changed: Partial<CertsFlags>) {
  const io = createFakeCommandIo();
  const exitCode = await runCerts(flags(changed), io);
  return { exitCode, ...io.written, nowMs: io.clock.now() };
}

const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

test("pairs for the server, agents and nodes come with their authority, keys for the owner's eyes only", async () => {
  await using directory = await createDirectory();
  const out = join(directory.path, "new", "pki");

  const { exitCode, stderr, stdout, nowMs } = await run({ outDirectory: out, nodes: ["n1", "n1"] });

  expect(exitCode).toBe(0);
  expect(stdout).toBe("");
  expect(stderr).toBe(
    `kiam certs: 8 files in ${out}, valid until 2026-04-01; ca-key.pem signs further ones: keep it away from the cluster\n`,
  );
  expect((await readdir(out)).sort()).toEqual([
    "agent-key.pem",
    "agent.pem",
    "ca-key.pem",
    "ca.pem",
    "node-n1-key.pem",
    "node-n1.pem",
    "server-key.pem",
    "server.pem",
  ]);
  expect(await modeOf(out)).toBe("700");
  expect(await modeOf(join(out, "agent-key.pem"))).toBe("600");
  expect(await modeOf(join(out, "agent.pem"))).toBe("644");
  for (const [name, usage] of [
    ["server", "server"],
    ["server", "client"],
    ["agent", "client"],
    ["node-n1", "client"],
  ] as const) {
    const files = { cert: join(out, `${name}.pem`), key: join(out, `${name}-key.pem`), ca: join(out, "ca.pem") };
    expect((await readTlsMaterial(files, nowMs, usage)).kind).toBe("ok");
  }
});

test("a Service's name stands for its long forms, and the server's own health check reaches it", async () => {
  await using directory = await createDirectory();

  await run({ outDirectory: directory.path, serverNames: ["kiam", "kiam.example.com", "10.0.0.9"] });

  const certificate = new X509Certificate(await readFile(join(directory.path, "server.pem")));
  expect(certificate.subjectAltName?.split(", ")).toEqual([
    "DNS:kiam",
    "DNS:kiam.kiam-system",
    "DNS:kiam.kiam-system.svc",
    "DNS:kiam.kiam-system.svc.cluster.local",
    "DNS:kiam.example.com",
    "IP Address:10.0.0.9",
    "DNS:localhost",
    "IP Address:127.0.0.1",
    "IP Address:0:0:0:0:0:0:0:1",
  ]);
});

test("what is there is not overwritten, and nothing is written beside it", async () => {
  await using directory = await createDirectory();
  await writeFile(join(directory.path, "server-key.pem"), "precious");

  const { exitCode, stderr } = await run({ outDirectory: directory.path });

  expect(exitCode).toBe(2);
  expect(stderr).toBe(`kiam certs: ${directory.path}/server-key.pem is there already: --force overwrites it\n`);
  expect(await readdir(directory.path)).toEqual(["server-key.pem"]);
});

test("--force overwrites, with the right mode, and follows no link", async () => {
  await using directory = await createDirectory();
  const outside = join(directory.path, "outside");
  const out = join(directory.path, "out");
  await run({ outDirectory: out });
  await writeFile(outside, "precious");
  await rm(join(out, "agent-key.pem"));
  await symlink(outside, join(out, "agent-key.pem"));
  await writeFile(join(out, "server-key.pem"), "", { mode: 0o644 });

  const { exitCode } = await run({ outDirectory: out, force: true });

  expect(exitCode).toBe(0);
  expect(await readFile(outside, "utf8")).toBe("precious");
  expect(await readFile(join(out, "agent-key.pem"), "utf8")).toStartWith("-----BEGIN PRIVATE KEY-----");
  expect(await modeOf(join(out, "server-key.pem"))).toBe("600");
  expect(await readdir(out)).toHaveLength(6);
});

test("an authority that is there signs, and its key goes nowhere", async () => {
  await using directory = await createDirectory();
  const [first, second] = [join(directory.path, "first"), join(directory.path, "second")];
  await run({ outDirectory: first });

  const { exitCode, stderr } = await run({
    outDirectory: second,
    nodes: ["n2"],
    caCertPath: join(first, "ca.pem"),
    caKeyPath: join(first, "ca-key.pem"),
  });

  expect(exitCode).toBe(0);
  expect(stderr).toBe(`kiam certs: 7 files in ${second}, valid until 2026-04-01\n`);
  expect(await readdir(second)).not.toContain("ca-key.pem");
  expect(await readFile(join(second, "ca.pem"), "utf8")).toBe(await readFile(join(first, "ca.pem"), "utf8"));
  const authority = new X509Certificate(await readFile(join(first, "ca.pem")));
  const node = new X509Certificate(await readFile(join(second, "node-n2.pem")));
  expect(node.verify(authority.publicKey)).toBe(true);
});

test("Secrets go to standard output, which holds nothing else", async () => {
  const { exitCode, stdout, stderr } = await run({ secrets: true, nodes: ["n1"] });

  expect(exitCode).toBe(0);
  const secrets = parseAllDocuments(stdout).map((document) => document.toJS());
  expect(secrets.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)).toEqual([
    "kiam-system/kiam-server-tls",
    "kiam-system/kiam-agent-tls",
    "kiam-system/kiam-agent-tls-n1",
  ]);
  expect(secrets.map(({ data }) => Object.keys(data))).toEqual([
    ["ca.pem", "server.pem", "server-key.pem"],
    ["ca.pem", "agent.pem", "agent-key.pem"],
    ["ca.pem", "agent.pem", "agent-key.pem"],
  ]);
  expect(stderr).toBe("kiam certs: the new authority's key is not kept; with --out it is\n");
});

test("with a directory Secrets are files in it, and the new authority beside them", async () => {
  await using directory = await createDirectory();

  const { exitCode, stdout } = await run({ secrets: true, outDirectory: directory.path });

  expect(exitCode).toBe(0);
  expect(stdout).toBe("");
  expect((await readdir(directory.path)).sort()).toEqual([
    "ca-key.pem",
    "ca.pem",
    "kiam-agent-tls.yaml",
    "kiam-server-tls.yaml",
  ]);
  expect(await modeOf(join(directory.path, "kiam-agent-tls.yaml"))).toBe("600");
});

test("a server name that is none, and an authority that is none, are refused by flag", async () => {
  await using directory = await createDirectory();
  await run({ outDirectory: directory.path });
  const [caCertPath, caKeyPath] = [join(directory.path, "server.pem"), join(directory.path, "server-key.pem")];

  const name = await run({ secrets: true, serverNames: ["kiam-server:9610"] });
  const authority = await run({ secrets: true, caCertPath, caKeyPath });
  const key = await run({ secrets: true, caCertPath, caKeyPath: join(directory.path, "agent-key.pem") });

  expect([name.exitCode, authority.exitCode, key.exitCode]).toEqual([2, 2, 2]);
  expect(name.stderr).toBe("kiam certs: --server-name kiam-server:9610 must be a DNS name or an IP address\n");
  expect(authority.stderr).toBe(`kiam certs: --ca-cert ${caCertPath} is not the certificate of an authority\n`);
  expect(key.stderr).toBe(
    `kiam certs: --ca-key ${directory.path}/agent-key.pem does not belong to the authority's certificate\n`,
  );
});
