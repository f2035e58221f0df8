import { describe, expect, test } from "bun:test";
import { neverAborted } from "../../../src/runtime/abort.ts";
import {
  accessOf,
  authority,
  base64,
  clientPair,
  connected,
  directoryWith,
  kubeconfigText,
  read,
} from "../../fakes/kubeconfig-files.ts";

const { cert, key } = clientPair;

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
