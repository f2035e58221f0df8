import { describe, expect, test } from "bun:test";
import { directly, type Egress } from "../../../src/domain/egress.ts";
import { proxyRules } from "../../../src/domain/proxy-rules.ts";
import { inClusterConnection } from "../../../src/kubernetes/in-cluster.ts";
import { neverAborted } from "../../../src/runtime/abort.ts";
import { authority, base64, connected, directoryWith, kubeconfigText } from "../../fakes/kubeconfig-files.ts";
import { createTestAuthority } from "../../fixtures/tls.ts";

const system = createTestAuthority("system").pem;

/** What the environment says, and a trust store. */
function egressOf(env: Parameters<typeof proxyRules>[0]): Egress {
  const rules = proxyRules(env);
  if (rules.kind === "problem") {
    throw new Error(rules.problem);
  }
  return { proxyFor: rules.proxyFor, roots: system };
}

/** The API server https://api.example:6443, or as the cluster's fields say. */
async function viaKubeconfig(egress: Egress, cluster: Readonly<Record<string, unknown>> = {}) {
  await using directory = await directoryWith({ config: kubeconfigText({ cluster, user: { token: "t" } }) });
  const connection = await connected(directory.path, undefined, egress);
  const access = await connection.access(neverAborted());
  return { proxyUrl: connection.proxyUrl, ca: access.kind === "access" ? access.tls.ca : access.problem };
}

async function viaServiceAccount(egress: Egress) {
  await using mount = await directoryWith({ "ca.crt": authority.pem, token: "t" });
  const directory = mount.path.replace(/\/config$/, "");
  const result = await inClusterConnection({ host: "10.96.0.1", port: "443", directory, egress });
  if (result.kind === "unusable") {
    throw new Error(result.problem);
  }
  const access = await result.connection.access(neverAborted());
  return { proxyUrl: result.connection.proxyUrl, ca: access.kind === "access" ? access.tls.ca : access.problem };
}

const proxied = { HTTPS_PROXY: "http://proxy:3128" };

describe("a kubeconfig's API server", () => {
  test("is reached by the environment's proxy", async () => {
    expect((await viaKubeconfig(egressOf(proxied))).proxyUrl).toBe("http://proxy:3128");
  });

  test("is not where NO_PROXY excludes it", async () => {
    expect((await viaKubeconfig(egressOf({ ...proxied, NO_PROXY: ".example" }))).proxyUrl).toBeUndefined();
  });

  test("is reached by the kubeconfig's own proxy whatever the environment says", async () => {
    const egress = egressOf({ ...proxied, NO_PROXY: "*" });

    expect((await viaKubeconfig(egress, { "proxy-url": "http://own:8080" })).proxyUrl).toBe("http://own:8080");
  });

  test("is trusted by the trust store where the kubeconfig names no authority", async () => {
    const named = { "certificate-authority-data": base64(authority.pem) };

    expect((await viaKubeconfig(egressOf({}))).ca).toBe(system);
    expect((await viaKubeconfig(egressOf({}), named)).ca).toBe(authority.pem);
    expect((await viaKubeconfig(directly)).ca).toBeUndefined();
  });
});

describe("the API server of the cluster that this is a pod of", () => {
  test("is reached by the environment's proxy, as by any Go program", async () => {
    expect((await viaServiceAccount(egressOf(proxied))).proxyUrl).toBe("http://proxy:3128");
  });

  test.each(["10.96.0.0/12", "10.96.0.1", "10.96.0.1:443", "*"])("is not where NO_PROXY has %p", async (NO_PROXY) => {
    expect((await viaServiceAccount(egressOf({ ...proxied, NO_PROXY }))).proxyUrl).toBeUndefined();
  });

  test("is trusted by the service account's authority alone", async () => {
    expect((await viaServiceAccount(egressOf({}))).ca).toBe(authority.pem);
  });
});
