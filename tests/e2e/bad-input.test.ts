import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { KiamProcess } from "./lab/kiam.ts";
import { writeKubeconfig } from "./lab/kubeconfig.ts";
import { createLab, type Lab } from "./lab/lab.ts";
import type { LabNode } from "./lab/node.ts";
import type { Identity } from "./lab/pki.ts";
import { tools } from "./lab/tools.ts";
import { waitFor } from "./lab/wait.ts";
import { type Command, type Commands, createCommands, type Flags } from "./set-up/commands.ts";

// What a person gets wrong: one line that says what and where, and nothing on the node is changed.

let lab: Lab;
let node: LabNode;
let server: KiamProcess;
let commands: Commands;
let other: Identity;

beforeAll(async () => {
  lab = await createLab();
  await lab.api.createNamespace("team", { "iam.amazonaws.com/permitted": ".*" });
  server = await lab.startServer();
  node = await lab.addNode("node-1");
  commands = await createCommands(lab, node);
  other = await lab.agentCertificate();
  await server.ready();
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

let files = 0;
async function file(text: string): Promise<string> {
  files += 1;
  const path = join(lab.directory, `bad-${files}`);
  await writeFile(path, text);
  return path;
}

/** That the command refuses in one line before it does anything. */
async function expectRefusal(command: Command, wrong: Flags, line: RegExp, more: readonly string[] = []) {
  const before = await commands.natRules();

  const { exitCode, stdout, stderr } = await commands.run(command, wrong, more);

  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
  expect(stderr).toMatch(line);
  expect(stderr).toMatch(new RegExp(`^kiam ${command}: [^\\n]+\\n$`));
  expect(await commands.natRules()).toBe(before);
}

describe.each(["agent", "server", "health"] as const)("kiam %s", (command) => {
  test("refuses a flag that it does not know, and means the nearest", () =>
    expectRefusal(command, {}, /unknown flag "--certt", did you mean --cert\?/, ["--certt=x"]));

  test("refuses to start without a certificate", () =>
    expectRefusal(command, { cert: undefined }, /--cert is required/));

  test("names a key that does not exist", () =>
    expectRefusal(command, { key: "/nowhere/key.pem" }, /--key names "\/nowhere\/key.pem", which does not exist/));

  test("names a key that is another certificate's", () =>
    expectRefusal(command, { key: other.key }, /--key \S+key.pem does not belong to --cert \S+.pem: give the key/));

  test("names a key that is none", async () => {
    const path = await file("-----BEGIN PRIVATE KEY-----\nbm8=\n-----END PRIVATE KEY-----\n");
    await expectRefusal(command, { key: path }, /--key \S+ is not a private key/);
  });

  test("names a file of authorities that is empty", async () => {
    const path = await file("");
    await expectRefusal(command, { ca: path }, /--ca \S+ holds no certificate/);
  });

  test("names a certificate that is none", async () => {
    const path = await file("not PEM");
    await expectRefusal(command, { cert: path }, /--cert \S+ is not a certificate/);
  });

  test("names a directory given for a file", () =>
    expectRefusal(command, { cert: lab.directory }, /--cert names "[^"]+", which is a directory/));
});

test.each<[Command, string, Flags, RegExp]>([
  ["agent", "a port that is none", { port: "80 80" }, /--port must be a port from 1 to 65535, not "80 80"/],
  ["agent", "a redirect without an address to lead to", { host: undefined }, /--iptables needs --host/],
  ["agent", "servers without a port", { "server-address": "kiam-server" }, /--server-address must be host:port/],
  [
    "agent",
    "a token that does not exist",
    { "identity-token": "/nowhere/token" },
    /--identity-token names "\/nowhere\/token", which does not exist/,
  ],
  ["agent", "a pattern that is none", { "allow-route-regexp": "(" }, /--allow-route-regexp must be an RE2 pattern: /],
  [
    "agent",
    "tokens neither optional nor required",
    { "imds-tokens": "yes" },
    /--imds-tokens must be one of optional, /,
  ],
  [
    "server",
    "to start without a base",
    { "role-base-arn": undefined },
    /--role-base-arn or --role-base-arn-autodetect is/,
  ],
  [
    "server",
    "renewal ahead of all of a session",
    { "session-refresh": "60m" },
    /--session-refresh must be shorter than --session-duration/,
  ],
  [
    "server",
    "a trust domain that is none",
    { "trust-domain": "Example.org/x" },
    /--trust-domain must be a SPIFFE trust/,
  ],
  ["server", "a base that begins no ARN", { "role-base-arn": "reader" }, /--role-base-arn must be /],
  [
    "server",
    "sessions that STS does not give",
    { "session-duration": "5m" },
    /--session-duration must be from 15m to 12h/,
  ],
  [
    "server",
    "a region that can be none",
    { "sts-endpoint": undefined, region: "Mars" },
    /--region must be a region such as "eu-west-1", not "Mars"/,
  ],
  ["health", "a duration that is none", { timeout: "soon" }, /--timeout must be a duration/],
])("kiam %s refuses %s", (command, _, wrong, line) => expectRefusal(command, wrong, line));

describe("a kubeconfig", () => {
  test.each([
    ["is no YAML", "clusters: [", /kubeconfig \S+: YAML/],
    ["is empty", "", /kubeconfig \S+: it has no current-context/],
    ["names a context that it lacks", "current-context: gone\ncontexts: []\nclusters: []\nusers: []\n", /gone/],
    [
      "names a file that does not exist",
      "current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {server: 'https://x', certificate-authority: /nowhere/ca.pem}}]\nusers: [{name: u, user: {}}]\n",
      /\/nowhere\/ca\.pem/,
    ],
  ])("that %s is refused", async (_, text, line) => {
    const path = await file(text);
    await expectRefusal("server", { kubeconfig: path }, line);
  });

  test("of nobody keeps the server waiting, and its log says why", async () => {
    const { url, ca } = lab.controlPlane;
    const path = join(lab.directory, "nobody.kubeconfig");
    const kubeconfig = await writeKubeconfig({ path, server: url, ca, token: "nobody's", namespace: "kiam-system" });

    await using refused = await lab.startServer({ flags: { kubeconfig, level: "info" } });
    await refused.waitForLog(/could not list: HTTP 401: Unauthorized/);
    const ready = await refused.telemetry("/readyz");
    const exitCode = await refused.stop();

    expect([ready.status, await ready.text()]).toEqual([503, expect.stringContaining("not in sync")]);
    expect(exitCode).toBe(0);
  });
});

test.each<[Command, string, Flags]>([
  ["agent", "3555", { port: "3555" }],
  ["agent", "3556", { "prometheus-listen-addr": "0.0.0.0:3556" }],
  ["server", "3557", { bind: "0.0.0.0:3557" }],
  ["server", "3558", { "prometheus-listen-addr": "0.0.0.0:3558" }],
])("kiam %s ends where port %s is taken, and says so in one line", async (command, port, flags) => {
  const holding = `Bun.serve({ hostname: "0.0.0.0", port: ${port}, fetch: () => new Response() }); console.log("up")`;
  await using holder = node.netns.start("holder", [tools.bun(), "-e", holding]);
  await holder.waitForLog(/up/);
  const before = await commands.natRules();

  const { exitCode, stderr } = await commands.run(command, { ...flags, level: "error" });

  expect(exitCode).toBe(1);
  expect(stderr).toMatch(new RegExp(`^kiam ${command}: [^\\n]+\\n$`));
  expect(stderr).toContain(`:${port}`);
  expect(stderr).toContain("in use");
  expect(await commands.natRules()).toBe(before);
});

test("kiam agent ends where there is no iptables, and says so in one line", async () => {
  const { exitCode, stderr } = await commands.runWithoutPrograms("agent");

  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/^kiam agent: \S+ is not installed, or not in PATH[^\n]*\n$/);
});

describe("a certificate that has expired", () => {
  /** Files that a test can replace. */
  async function expired(): Promise<Identity> {
    const request = {
      commonName: "kiam-agent",
      names: ["DNS:node-1.node.kiam"],
      usage: "clientAuth",
      days: -1,
    } as const;
    const directory = join(lab.directory, `expired-${crypto.randomUUID()}`);
    await mkdir(directory);
    const identity = { cert: join(directory, "cert"), key: join(directory, "key"), ca: join(directory, "ca") };
    await replace(identity, await lab.authority.issue(request));
    return identity;
  }

  async function replace(identity: Identity, by: Identity): Promise<void> {
    await Promise.all((["cert", "key", "ca"] as const).map((name) => copyFile(by[name], identity[name])));
  }

  test("makes an agent answer pods 503 until there is a new one, which it finds by itself", async () => {
    const identity = await expired();
    const role = "/latest/meta-data/iam/security-credentials/reader";
    await using agent = await node.startAgent({ identity, flags: { "json-log": false } });
    await agent.waitForLog(
      /the certificate in --cert \S+ expired at \d{4}-\d\d-\d\dT[^ ]+Z: put a new one in its place/,
    );
    await using pod = await node.deployPod({
      namespace: "team",
      name: "reader",
      address: "10.244.1.10",
      role: "reader",
    });
    // Here the rules are changed: where they are not, the pod would get the node's own credentials, which fails any test.
    const changed = await commands.natRules();
    const before = await pod.http(role);

    await replace(identity, await lab.nodeCertificate("node-1"));
    await agent.ready();
    const after = await pod.http(role);

    expect(changed).toContain("DNAT");
    expect([before.status, after.status]).toEqual([503, 200]);
  });

  test("is a server's reason to wait, said in the log", async () => {
    const identity = await lab.authority.issue({ commonName: "x", names: ["DNS:x"], usage: "serverAuth", days: -1 });

    await using waiting = await lab.startServer({ identity });
    await waiting.waitForLog(/the certificate in --cert \S+ expired at/);
    const ready = await waitFor("readiness to tell of it", async () => {
      const text = await (await waiting.telemetry("/readyz")).text();
      return text.includes("certificate") ? text : undefined;
    });

    expect(ready).toContain("no usable certificate yet");
    expect(await waiting.stop()).toBe(0);
  });

  test("is the end of a health probe", async () => {
    const { exitCode, stderr } = await commands.run("health", { ...(await expired()) });

    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/^kiam health: the certificate in --cert \S+ expired at [^\n]+\n$/);
  });
});

test("with all of that put right, the same commands work", async () => {
  const { exitCode, stdout, stderr } = await commands.run("health", {});

  expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: 'healthy: "ok"\n', stderr: "" });
});
