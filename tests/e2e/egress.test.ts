import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Egress, startEgress } from "./lab/egress.ts";
import type { KiamOptions } from "./lab/kiam.ts";
import { createLab, type Lab } from "./lab/lab.ts";
import type { LabNode } from "./lab/node.ts";
import { waitFor } from "./lab/wait.ts";

// Where requests really go: the compiled server, AWS's own names, a proxy and a STS over TLS that keep what reaches them.

const hosts: Readonly<Record<string, string>> = {
  "eu-west-1": "sts.eu-west-1.amazonaws.com",
  "us-east-1-fips": "sts-fips.us-east-1.amazonaws.com",
  "us-gov-west-1": "sts.us-gov-west-1.amazonaws.com",
  "cn-north-1": "sts.cn-north-1.amazonaws.com.cn",
  "us-iso-east-1": "sts.us-iso-east-1.c2s.ic.gov",
  "us-isob-east-1": "sts.us-isob-east-1.sc2s.sgov.gov",
  "us-isof-south-1": "sts.us-isof-south-1.csp.hci.ic.gov",
  "eu-isoe-west-1": "sts.eu-isoe-west-1.cloud.adc-e.uk",
  "eusc-de-east-1": "sts.eusc-de-east-1.amazonaws.eu",
};
const globalHost = "sts.amazonaws.com";

let lab: Lab;
let egress: Egress;
let node: LabNode;
beforeAll(async () => {
  lab = await createLab();
  egress = await startEgress(lab, [globalHost, "sts.eu-south-1.amazonaws.com", ...Object.values(hosts)]);
  await lab.api.createNamespace("team", { "iam.amazonaws.com/permitted": ".*" });
  node = await lab.addNode("node-1");
});
afterAll(async () => {
  await egress?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});

const clusterNetwork = "10.250.0.0/16";
const apiServer = "CONNECT 10.250.0.1:6443";
const viaProxy = (env: Readonly<Record<string, string>> = {}) => ({
  HTTPS_PROXY: egress.proxy,
  NO_PROXY: clusterNetwork,
  AWS_CA_BUNDLE: egress.ca,
  ...env,
});

/** A server that has no endpoint of the lab's told. */
const startServer = ({ flags, env }: KiamOptions) => {
  egress.forget();
  return lab.startServer({ flags: { "sts-endpoint": undefined, ...flags }, ...(env && { env }) });
};

/** What the proxy was first asked for by a server that starts so. */
async function firstAsked(options: KiamOptions): Promise<string> {
  await using server = await startServer(options);
  const asked = await waitFor("a request", async () =>
    server.output().includes("this server") ? egress.proxied()[0] : undefined,
  );
  return `${asked} ${egress.askedAsSts()[0]}`;
}

const connectTo = (host: string) => `CONNECT ${host}:443 ${host}`;

describe("where STS is asked", () => {
  test.each(Object.entries(hosts))("with --sts-region %s at %s", async (region, host) => {
    expect(await firstAsked({ flags: { "sts-region": region }, env: viaProxy() })).toBe(connectTo(host));
  });

  test.each<[string, Readonly<Record<string, string>>, string]>([
    ["nothing", {}, globalHost],
    ["AWS_REGION of the legacy set", { AWS_REGION: "eu-west-1" }, globalHost],
    ["AWS_REGION outside of it", { AWS_REGION: "eu-south-1" }, "sts.eu-south-1.amazonaws.com"],
    [
      "AWS_STS_REGIONAL_ENDPOINTS",
      { AWS_REGION: "eu-west-1", AWS_STS_REGIONAL_ENDPOINTS: "regional" },
      "sts.eu-west-1.amazonaws.com",
    ],
  ])("with %s in the environment", async (_, env, host) => {
    expect(await firstAsked({ env: viaProxy(env) })).toBe(connectTo(host));
  });

  test("with --sts-endpoint there, by no proxy that NO_PROXY excludes", async () => {
    await using server = await startServer({
      flags: { "sts-endpoint": lab.sts.endpoint },
      env: viaProxy({ HTTP_PROXY: egress.proxy }),
    });
    await server.ready();

    expect([egress.proxied(), egress.askedAsSts()]).toEqual([[], []]);
  });

  test("with --sts-endpoint of http through HTTP_PROXY, whole", async () => {
    await using server = await startServer({
      flags: { "sts-endpoint": lab.sts.endpoint },
      env: { HTTP_PROXY: egress.proxy },
    });
    await server.ready();

    expect(new Set(egress.proxied())).toEqual(new Set([`POST ${lab.sts.endpoint}/`]));
  });
});

/** What a pod of the namespace gets, when this server is the one that there is. */
async function podsRole(name: string, address: string): Promise<string> {
  await using agent = await node.startAgent();
  await agent.ready();
  await using pod = await node.deployPod({ namespace: "team", name, address, role: `team-${name}` });
  const { body } = await pod.http(`/latest/meta-data/iam/security-credentials/team-${name}`);
  return lab.sts.roleOfAnswer(body);
}

const assumed = (name: string) => `arn:aws:sts::123456789012:assumed-role/team-${name}/kiam-kiam`;

describe("a pod gets its credentials", () => {
  test("with STS behind a proxy that NO_PROXY keeps from the API server", async () => {
    const proxy = egress.proxy.replace("//", "//kiam:hunter2@");
    await using server = await startServer({
      flags: { "sts-region": "eu-west-1" },
      env: viaProxy({ HTTPS_PROXY: proxy }),
    });
    await server.ready();

    const role = await podsRole("web", "10.244.1.10");

    expect(role).toBe(assumed("web"));
    expect(new Set(egress.proxied())).toEqual(new Set(["CONNECT sts.eu-west-1.amazonaws.com:443"]));
    expect(new Set(egress.authorizations())).toEqual(new Set([`Basic ${btoa("kiam:hunter2")}`]));
    expect(server.output()).toContain(`"sts.proxy":"${egress.proxy}"`);
    expect(server.output()).not.toMatch(/hunter2|kubernetes\.proxy/);
  });

  test("with the API server behind the proxy too, watches included, without NO_PROXY", async () => {
    await using server = await startServer({
      flags: { "sts-region": "eu-west-1" },
      env: viaProxy({ NO_PROXY: "" }),
    });
    await server.ready();

    const role = await podsRole("all", "10.244.1.11");

    expect(role).toBe(assumed("all"));
    expect(new Set(egress.proxied())).toEqual(new Set([apiServer, "CONNECT sts.eu-west-1.amazonaws.com:443"]));
    expect(server.output()).toContain(`"kubernetes.proxy":"${egress.proxy}"`);
  });

  test("with SSL_CERT_FILE as the trust store, and names that are known here, by no proxy", async () => {
    await using _ = await lab.names.add(hosts["eu-west-1"] ?? "", "10.250.0.1");
    await using server = await startServer({ flags: { "sts-region": "eu-west-1" }, env: { SSL_CERT_FILE: egress.ca } });
    await server.ready();

    const role = await podsRole("file", "10.244.1.12");

    expect(role).toBe(assumed("file"));
    expect([egress.proxied(), new Set(egress.askedAsSts())]).toEqual([[], new Set(["sts.eu-west-1.amazonaws.com"])]);
  });

  test("with SSL_CERT_FILE for the API server and AWS_CA_BUNDLE for AWS, each for its own", async () => {
    const kubeconfig = await kubeconfigWithoutAuthority();
    const flags = { "sts-region": "eu-west-1", kubeconfig };
    await using server = await startServer({ flags, env: viaProxy({ SSL_CERT_FILE: lab.controlPlane.ca }) });
    await server.ready();

    const role = await podsRole("each", "10.244.1.13");

    expect(role).toBe(assumed("each"));
  });
});

describe("who is not trusted is not asked", () => {
  test("STS, by AWS_CA_BUNDLE's authorities alone", async () => {
    await using server = await startServer({
      flags: { "sts-region": "eu-west-1" },
      env: viaProxy({ AWS_CA_BUNDLE: lab.controlPlane.ca, SSL_CERT_FILE: egress.ca }),
    });

    const [line] = await server.waitForLog(/STS does not say who this server is[^"]*/);

    expect(line).toContain(
      `STS could not be reached through the proxy ${egress.proxy} (UNABLE_TO_VERIFY_LEAF_SIGNATURE)`,
    );
    expect(egress.askedAsSts()).toEqual([]);
  });

  test("the API server, by AWS_CA_BUNDLE's", async () => {
    const flags = { "sts-region": "eu-west-1", kubeconfig: await kubeconfigWithoutAuthority() };
    await using server = await startServer({ flags, env: viaProxy({ AWS_CA_BUNDLE: lab.controlPlane.ca }) });

    const [line] = await server.waitForLog(/[^\n]*(verify|certificate)[^\n]*/i);

    expect(line).toMatch(/unable to verify|self.signed|UNABLE_TO/i);
  });
});

describe("what can't be used is one line and exit code 2", () => {
  test.each<[string, Readonly<Record<string, string>>, string]>([
    ["a bundle that is not there", { AWS_CA_BUNDLE: "/nowhere.pem" }, "AWS_CA_BUNDLE /nowhere.pem: it does not exist"],
    [
      "a bundle without certificates",
      { AWS_CA_BUNDLE: "/etc/hosts" },
      "AWS_CA_BUNDLE /etc/hosts: it holds no PEM certificate",
    ],
    ["a trust store that is a directory", { SSL_CERT_FILE: "/etc" }, "SSL_CERT_FILE /etc: it is a directory"],
    [
      "a proxy of another kind",
      { HTTPS_PROXY: "socks5://u:hunter2@10.250.0.1:1080" },
      "HTTPS_PROXY names a socks5 proxy: only http and https ones can be used",
    ],
    ["a proxy that is none", { http_proxy: "http://u:hunter2@" }, "HTTP_PROXY is not a proxy's URL"],
  ])("%s", async (_, env, problem) => {
    await using server = await startServer({ env });

    const exitCode = await server.exited;

    expect([exitCode, server.output()]).toEqual([2, `kiam server: ${problem}\n`]);
  });
});

/** The server's own, for an API server that the trust store has to vouch for. */
async function kubeconfigWithoutAuthority(): Promise<string> {
  const { kubeconfig } = await lab.serverAccount();
  const text = (await readFile(kubeconfig, "utf8")).replace(
    /\n *certificate-authority-data: [^\n]+(\n {8,}[^\n]+)*/,
    "",
  );
  const path = join(lab.directory, "without-authority.kubeconfig");
  await mkdir(lab.directory, { recursive: true });
  await writeFile(path, text, { mode: 0o600 });
  return path;
}
