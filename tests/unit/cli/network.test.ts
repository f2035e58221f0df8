import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type NetworkEnvironment, networkOf } from "../../../src/cli/network.ts";
import { createTestAuthority } from "../../fixtures/tls.ts";

const directory = mkdtempSync(join(tmpdir(), "kiam-network-"));
afterAll(() => rmSync(directory, { recursive: true }));
const [system = "", corporate = ""] = ["system", "corporate"].map((name) => createTestAuthority(name).pem.trim());
const files = { system: join(directory, "system.pem"), corporate: join(directory, "corporate.pem") };
writeFileSync(files.system, system);
writeFileSync(files.corporate, corporate);
mkdirSync(join(directory, "none"));
const trust = { SSL_CERT_FILE: files.system, SSL_CERT_DIR: join(directory, "none") };

async function network(env: NetworkEnvironment) {
  const result = await networkOf({ ...trust, ...env });
  if (result.kind === "problem") {
    throw new Error(result.problem);
  }
  return result;
}

test("the trust store is for both", async () => {
  const { aws, kubernetes } = await network({});

  expect([aws.roots, kubernetes.roots]).toEqual([system, system]);
});

test("AWS_CA_BUNDLE stands for it, and for AWS alone", async () => {
  const { aws, kubernetes } = await network({ AWS_CA_BUNDLE: files.corporate });

  expect([aws.roots, kubernetes.roots]).toEqual([corporate, system]);
});

test("the proxies are for both, and NO_PROXY's too", async () => {
  const { aws, kubernetes } = await network({ HTTPS_PROXY: "http://proxy:3128", NO_PROXY: "10.96.0.0/12" });

  const urls = ["https://sts.amazonaws.com", "https://10.96.0.1:443"];
  expect(urls.map((url) => [aws.proxyFor(url), kubernetes.proxyFor(url)])).toEqual([
    ["http://proxy:3128", "http://proxy:3128"],
    [undefined, undefined],
  ]);
});

test.each<[NetworkEnvironment, string]>([
  [{ HTTPS_PROXY: "socks5://p:1" }, "HTTPS_PROXY names a socks5 proxy: only http and https ones can be used"],
  [{ SSL_CERT_FILE: "/nowhere.pem" }, "SSL_CERT_FILE /nowhere.pem: it does not exist"],
  [{ AWS_CA_BUNDLE: "/nowhere.pem" }, "AWS_CA_BUNDLE /nowhere.pem: it does not exist"],
])("%j is a problem", async (env, problem) => {
  expect(await networkOf({ ...trust, ...env })).toEqual({ kind: "problem", problem });
});
