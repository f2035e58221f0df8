import { describe, expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { authority, base64, clientPair, directoryWith, kubeconfigText, read } from "../../fakes/kubeconfig-files.ts";

const { cert, key } = clientPair;

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
      "a proxy that can't be used",
      kubeconfigText({ cluster: { "proxy-url": "socks5://p:1" } }),
      "its proxy-url names a socks5 proxy",
    ],
    ["a proxy without a scheme", kubeconfigText({ cluster: { "proxy-url": "10.0.0.1:3128" } }), "is not a proxy's URL"],
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
