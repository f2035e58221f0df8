import { describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ApiConnection } from "../../../src/kubernetes/connection.ts";
import { kubeconfigConnection } from "../../../src/kubernetes/kubeconfig.ts";
import { neverAborted } from "../../../src/runtime/abort.ts";
import type { RunCommand } from "../../../src/runtime/command.ts";
import { createFakeClock } from "../../fakes/clock.ts";
import { createTestAuthority } from "../../fixtures/tls.ts";

const authority = createTestAuthority();
const { cert, key } = authority.issue({ usage: "client" });
const base64 = (text: string) => Buffer.from(text).toString("base64");

interface Parts {
  readonly cluster?: Readonly<Record<string, unknown>>;
  readonly user?: Readonly<Record<string, unknown>>;
  readonly context?: Readonly<Record<string, unknown>>;
}

/** JSON is YAML too. */
function kubeconfigText({ cluster = {}, user = {}, context = {} }: Parts): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "here",
    clusters: [
      { name: "other", cluster: { server: "https://wrong" } },
      { name: "c", cluster: { server: "https://api.example:6443", ...cluster } },
    ],
    users: [{ name: "u", user }],
    contexts: [{ name: "here", context: { cluster: "c", user: "u", ...context } }],
  });
}

async function directoryWith(files: Readonly<Record<string, string>>) {
  const directory = await mkdtemp(join(tmpdir(), "kiam-kubeconfig-"));
  const write = (name: string, text: string) => writeFile(join(directory, name), text);
  await Promise.all(Object.entries(files).map(([name, text]) => write(name, text)));
  return { path: join(directory, "config"), write, [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) };
}

const noPlugin: RunCommand = async () => {
  throw new Error("no plugin runs here");
};

function read(path: string, run = noPlugin) {
  return kubeconfigConnection(path, { run, clock: createFakeClock(), env: { HOME: "/home/kiam" } });
}

async function connected(path: string, run = noPlugin): Promise<ApiConnection> {
  const result = await read(path, run);
  if (result.kind !== "connection") {
    throw new Error(result.problem);
  }
  return result.connection;
}

async function accessOf(parts: Parts, files: Readonly<Record<string, string>> = {}) {
  await using directory = await directoryWith({ ...files, config: kubeconfigText(parts) });
  return await (await connected(directory.path)).access(neverAborted());
}

describe("a context", () => {
  test("names its cluster, its user and its namespace", async () => {
    const cluster = { server: "https://api.example:6443/k8s/c-1/", "proxy-url": "http://proxy:3128" };
    await using directory = await directoryWith({
      config: kubeconfigText({ cluster, user: { token: "t" }, context: { namespace: "kiam-system" } }),
    });

    const { baseUrl, namespace, proxyUrl } = await connected(directory.path);

    expect({ baseUrl, namespace, proxyUrl }).toEqual({
      baseUrl: "https://api.example:6443/k8s/c-1",
      namespace: "kiam-system",
      proxyUrl: "http://proxy:3128",
    });
  });

  test("written as YAML reads the same", async () => {
    const config = [
      "apiVersion: v1",
      "kind: Config",
      "current-context: here",
      "clusters: [{name: c, cluster: {server: 'https://api.example:6443'}}]",
      "contexts:",
      "- name: here",
      "  context: {cluster: c, user: u}",
      "users:",
      "- name: u",
      "  user:",
      "    token: abc",
    ].join("\n");
    await using directory = await directoryWith({ config });

    const connection = await connected(directory.path);

    expect(await connection.access(neverAborted())).toMatchObject({ authorization: "Bearer abc" });
  });
});

describe("who asks, and whom it trusts", () => {
  test("may be certificates in the file", async () => {
    const access = await accessOf({
      cluster: { "certificate-authority-data": base64(authority.pem), "tls-server-name": "kubernetes" },
      user: { "client-certificate-data": base64(cert), "client-key-data": base64(key) },
    });

    expect(access).toEqual({
      kind: "access",
      tls: { ca: authority.pem, cert, key, serverName: "kubernetes", rejectUnauthorized: true },
    });
  });

  test("may be files beside it, read anew each time", async () => {
    const parts = {
      cluster: { "certificate-authority": "ca.pem" },
      user: { "client-certificate": "cert.pem", "client-key": "key.pem", tokenFile: "token" },
    };
    const files = { "ca.pem": authority.pem, "cert.pem": cert, "key.pem": key, token: "first\n" };
    await using directory = await directoryWith({ ...files, config: kubeconfigText(parts) });

    const connection = await connected(directory.path);
    const before = await connection.access(neverAborted());
    await directory.write("token", "second");
    const after = await connection.access(neverAborted());

    expect(before).toEqual({
      kind: "access",
      tls: { ca: authority.pem, cert, key, rejectUnauthorized: true },
      authorization: "Bearer first",
    });
    expect(after).toMatchObject({ authorization: "Bearer second" });
  });

  test("are a token's file before a token, and data before a file", async () => {
    const access = await accessOf(
      {
        cluster: { "certificate-authority-data": base64(authority.pem), "certificate-authority": "absent.pem" },
        user: { token: "inline", tokenFile: "token" },
      },
      { token: "from-file" },
    );

    expect(access).toMatchObject({ tls: { ca: authority.pem }, authorization: "Bearer from-file" });
  });

  test("are checked unless the file says not to", async () => {
    const checked = await accessOf({});
    const unchecked = await accessOf({ cluster: { "insecure-skip-tls-verify": true } });
    const odd = await accessOf({ cluster: { "insecure-skip-tls-verify": "true" } });

    expect([checked, unchecked, odd]).toMatchObject([
      { tls: { rejectUnauthorized: true } },
      { tls: { rejectUnauthorized: false } },
      { tls: { rejectUnauthorized: true } },
    ]);
  });

  test("may be nobody", async () => {
    expect(await accessOf({ context: { user: "" } })).toEqual({ kind: "access", tls: { rejectUnauthorized: true } });
  });
});

describe("a plugin", () => {
  const exec = { apiVersion: "client.authentication.k8s.io/v1", command: "aws", args: ["eks", "get-token"] };
  const credential = (status: unknown) => ({
    exitCode: 0,
    stdout: JSON.stringify({ kind: "ExecCredential", status }),
    stderr: "",
  });

  test("is not run before the first request", async () => {
    await using directory = await directoryWith({ config: kubeconfigText({ user: { exec } }) });

    expect((await read(directory.path)).kind).toBe("connection");
  });

  test("makes the token, and the next one after the first was refused", async () => {
    await using directory = await directoryWith({ config: kubeconfigText({ user: { exec, token: "own" } }) });
    const made = ["one", "two"];

    const connection = await connected(directory.path, async () => credential({ token: made.shift() }));
    const first = await connection.access(neverAborted());
    const again = await connection.access(neverAborted());
    connection.refused();
    const next = await connection.access(neverAborted());

    expect([first, again, next]).toMatchObject([
      { authorization: "Bearer one" },
      { authorization: "Bearer one" },
      { authorization: "Bearer two" },
    ]);
  });

  test("may make a certificate", async () => {
    await using directory = await directoryWith({ config: kubeconfigText({ user: { exec } }) });
    const status = { clientCertificateData: cert, clientKeyData: key };

    const connection = await connected(directory.path, async () => credential(status));

    expect(await connection.access(neverAborted())).toEqual({
      kind: "access",
      tls: { cert, key, rejectUnauthorized: true },
    });
  });

  test("that fails leaves nothing to ask with, whatever else the user has", async () => {
    await using directory = await directoryWith({ config: kubeconfigText({ user: { exec, token: "own" } }) });

    const connection = await connected(directory.path, async () => ({ exitCode: 1, stdout: "", stderr: "no login" }));

    expect(await connection.access(neverAborted())).toEqual({
      kind: "unusable",
      problem: "credential plugin aws: exit code 1: no login",
    });
  });
});

describe("a mistake is one line that names the file:", () => {
  const contexts = { "current-context": "here", contexts: [{ name: "here", context: { cluster: "c", user: "u" } }] };

  test.each([
    ["no YAML", "clusters: [", "YAML"],
    ["nothing", "", "no current-context"],
    ["a list", "[1, 2]", "no current-context"],
    ["no such context", '{"current-context":"gone"}', 'no context named "gone"'],
    ["no such cluster", JSON.stringify(contexts), 'no cluster named "c"'],
    [
      "no such user",
      JSON.stringify({ ...contexts, clusters: [{ name: "c", cluster: { server: "https://x" } }] }),
      '"u"',
    ],
    ["no server", kubeconfigText({ cluster: { server: "" } }), "not a server's URL"],
    ["a server without a scheme", kubeconfigText({ cluster: { server: "localhost:6443" } }), "not a server's URL"],
    [
      "an authority that is not base64",
      kubeconfigText({ cluster: { "certificate-authority-data": "-----BEGIN" } }),
      "certificate-authority-data is not base64",
    ],
    [
      "an authority that is none",
      kubeconfigText({ cluster: { "certificate-authority-data": base64("hello") } }),
      "no PEM certificate",
    ],
    ["a file that is absent", kubeconfigText({ cluster: { "certificate-authority": "gone.pem" } }), "gone.pem"],
    ["a certificate without its key", kubeconfigText({ user: { "client-certificate-data": base64(cert) } }), "its key"],
    ["a key without its certificate", kubeconfigText({ user: { "client-key-data": base64(key) } }), "its certificate"],
    [
      "a key of another certificate",
      kubeconfigText({
        user: {
          "client-certificate-data": base64(cert),
          "client-key-data": base64(authority.issue({ usage: "client" }).key),
        },
      }),
      "the client certificate and key can't be used",
    ],
    [
      "an authority that is not to be used",
      kubeconfigText({
        cluster: { "certificate-authority-data": base64(authority.pem), "insecure-skip-tls-verify": true },
      }),
      "contradict",
    ],
    ["a token that is a number", kubeconfigText({ user: { token: 12345 } }), "put it in quotes"],
    [
      "a password",
      kubeconfigText({ user: { username: "admin", password: "secret" } }),
      "username, which is not supported",
    ],
    ["another's name", kubeconfigText({ user: { as: "admin" } }), "as, which is not supported"],
    ["an auth provider", kubeconfigText({ user: { "auth-provider": { name: "oidc" } } }), "auth-provider"],
    ["a plugin without command", kubeconfigText({ user: { exec: {} } }), "exec plugin"],
    [
      "a plugin that needs a terminal",
      kubeconfigText({
        user: { exec: { apiVersion: "client.authentication.k8s.io/v1", command: "login", interactiveMode: "Always" } },
      }),
      "needs a terminal",
    ],
  ])("%s", async (_, config, problem) => {
    await using directory = await directoryWith({ config });

    const result = await read(directory.path);

    const told = result.kind === "unusable" ? result.problem : "";
    expect(told).toContain(problem);
    expect(told).toStartWith(`kubeconfig ${directory.path}: `);
    expect(told).not.toMatch(/\n|secret/);
  });

  test("no file", async () => {
    const result = await read("/nowhere/config");

    expect(result).toMatchObject({ kind: "unusable", problem: expect.stringContaining("/nowhere/config") });
  });

  test("a directory", async () => {
    expect((await read(tmpdir())).kind).toBe("unusable");
  });
});
