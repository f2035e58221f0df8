import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { KiamProcess } from "./lab/kiam.ts";
import { createLab, type Lab } from "./lab/lab.ts";
import type { LabNode } from "./lab/node.ts";
import type { Identity } from "./lab/pki.ts";
import { tools } from "./lab/tools.ts";

// What `kiam certs` makes is all that servers, agents and probes need.

let lab: Lab;
let server: KiamProcess;
let node: LabNode;
let directory: string;

beforeAll(async () => {
  lab = await createLab();
  await lab.api.createNamespace("team", { "iam.amazonaws.com/permitted": ".*" });
  directory = join(lab.directory, "certs");
  const made = await certs("--out", directory, "--server-name", "kiam-server", "--node", "node-1");
  expect(made.exitCode).toBe(0);
  server = await startServer(identityOf("server"));
  node = await lab.addNode("node-1");
  await server.ready();
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

const certs = (...args: readonly string[]) => lab.control.run([tools.kiam(), "certs", ...args]);

/** The files of one name, as the guide of the Go release calls them. */
function identityOf(name: string, inside = directory): Identity {
  return {
    cert: join(inside, `${name}.pem`),
    key: join(inside, `${name}-key.pem`),
    ca: join(inside, "ca.pem"),
  };
}

/** On all addresses of its namespace: a probe asks loopback. */
function startServer(identity: Identity): Promise<KiamProcess> {
  return lab.startServer({ identity, flags: { "agent-identity": "required", bind: ":9610" } });
}

/** Runs the probe beside the server. */
async function health({ cert, key, ca }: Identity, address: string) {
  const files = [`--cert=${cert}`, `--key=${key}`, `--ca=${ca}`];
  return lab.control.run([tools.kiam(), "health", ...files, `--server-address=${address}`]);
}

/** The status that a pod of the node with this role gets. */
async function statusOn(on: LabNode, address: string): Promise<number> {
  await using pod = await on.deployPod({ namespace: "team", name: "reader", address, role: "reader" });
  const { status } = await pod.http("/latest/meta-data/iam/security-credentials/reader");
  return status;
}

test("keys are for their owner alone", async () => {
  const modes = await Promise.all(
    ["server-key", "agent-key", "node-node-1-key", "ca-key", "server", "ca"].map(async (name) => {
      const { mode } = await stat(join(directory, `${name}.pem`));
      return (mode & 0o777).toString(8);
    }),
  );

  expect(modes).toEqual(["600", "600", "600", "600", "644", "644"]);
});

test("an agent with its node's certificate is served, and serves its pods", async () => {
  await using agent = await node.startAgent({ identity: identityOf("node-node-1") });
  await agent.ready();

  const status = await statusOn(node, "10.244.1.10");

  expect(status).toBe(200);
  expect(await server.metric("kiam_agent_calls_total", { proof: "certificate" })).toBeGreaterThan(0);
});

test("the certificate that agents share proves no node", async () => {
  await using agent = await node.startAgent({ identity: identityOf("agent") });
  await agent.waitForLog(/the agent shows neither a token nor a node's certificate/);

  const status = await statusOn(node, "10.244.1.11");

  expect(status).toBe(503);
});

test("the same authority signs for a node that comes later", async () => {
  const later = join(lab.directory, "later");
  const authority = ["--ca-cert", join(directory, "ca.pem"), "--ca-key", join(directory, "ca-key.pem")];
  const made = await certs("--out", later, ...authority, "--server-name", "kiam-server", "--node", "node-2");
  const other = await lab.addNode("node-2");

  await using agent = await other.startAgent({ identity: identityOf("node-node-2", later) });
  await agent.ready();

  expect(made.exitCode).toBe(0);
  expect(await statusOn(other, "10.244.2.10")).toBe(200);
});

test("Secrets that the API server takes hold what servers and agents mount", async () => {
  const { exitCode, stdout } = await certs("--secrets", "--server-name", "kiam-server", "--node", "node-1");
  await lab.api.apply(stdout);
  const [serverFiles, agentFiles] = [await mounted("kiam-server-tls"), await mounted("kiam-agent-tls-node-1")];

  await using mountedServer = await startServerBeside(identityOf("server", serverFiles));
  await mountedServer.ready();
  await using agent = await node.startAgent({
    identity: identityOf("agent", agentFiles),
    flags: { "server-address": `kiam-server:${secondPort}` },
  });
  await agent.ready();

  expect(exitCode).toBe(0);
  expect(await statusOn(node, "10.244.1.12")).toBe(200);
});

const secondPort = 9710;
/** Another, of another authority, on a port of its own. */
function startServerBeside(identity: Identity): Promise<KiamProcess> {
  return lab.startServer({ identity, flags: { "agent-identity": "required", bind: `:${secondPort}` } });
}

/** The directory that a kubelet would make of a Secret. */
async function mounted(secret: string): Promise<string> {
  const { body } = await lab.api.request("GET", `/api/v1/namespaces/kiam-system/secrets/${secret}`);
  const path = join(lab.directory, secret);
  await mkdir(path);
  for (const [name, data] of Object.entries<string>(body.data)) {
    await writeFile(join(path, name), Buffer.from(data, "base64"));
  }
  return path;
}

test.each([
  ["the server's own certificate on loopback, as the probe in its pod", "server", "localhost:9610"],
  ["the agents' by the name that agents use", "agent", "kiam-server:9610"],
  ["a node's", "node-node-1", "kiam-server:9610"],
])("a probe with %s finds the server well", async (_, name, address) => {
  const { exitCode, stdout, stderr } = await health(identityOf(name), address);

  expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: 'healthy: "ok"\n', stderr: "" });
});

test("a probe fails, in one line and in its time, where the server is another authority's, another's name, or away", async () => {
  const foreign = join(lab.directory, "foreign");
  await certs("--out", foreign, "--server-name", "kiam-server");
  const startedMs = performance.now();

  const outcomes = [
    await health(identityOf("server", foreign), "localhost:9610"),
    await health(identityOf("server"), `${lab.controlPlane.url.slice("https://".length, -":6443".length)}:9610`),
    await health(identityOf("server"), "localhost:9611"),
  ];

  expect(outcomes.map(({ exitCode, stdout }) => [exitCode, stdout])).toEqual(Array(3).fill([1, ""]));
  for (const { stderr } of outcomes) {
    expect(stderr).toMatch(/^kiam health: [\w.]+:\d+ is not healthy: [^\n]+\n$/);
  }
  expect(performance.now() - startedMs).toBeLessThan(3 * 2_000);
});

test("a probe fails once the server has stopped", async () => {
  await server.stop();

  const { exitCode, stderr } = await health(identityOf("server"), "localhost:9610");

  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/^kiam health: localhost:9610 is not healthy: [^\n]+\n$/);
});
