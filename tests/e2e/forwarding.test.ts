import { afterAll, beforeAll, expect, test } from "bun:test";
import { type HostileRequest, hostileRequests } from "../fixtures/hostile-requests.ts";
import { refuseCanary } from "./lab/canary.ts";
import type { KiamProcess } from "./lab/kiam.ts";
import { createLab, type Lab } from "./lab/lab.ts";
import type { LabNode } from "./lab/node.ts";
import type { LabPod } from "./lab/pod.ts";
import { startReader } from "./lab/reader.ts";
import { tools } from "./lab/tools.ts";

// A compiled agent that forwards whatever may be forwarded (`.*`), before a metadata service that demands IMDSv2.

let lab: Lab;
let server: KiamProcess;
let node: LabNode;
let agent: KiamProcess;
beforeAll(async () => {
  lab = await createLab();
  await lab.api.createNamespace("team", { "iam.amazonaws.com/permitted": ".*" });
  server = await lab.startServer();
  await server.ready();
  node = await lab.addNode("node-1");
  await node.metadata.setTokens("required");
  // A proxy that nobody could reach: calls to the metadata service use none.
  const env = { HTTP_PROXY: "http://127.0.0.1:1", http_proxy: "http://127.0.0.1:1" };
  agent = await node.startAgent({ flags: { "allow-route-regexp": ".*", level: "info" }, env });
  await agent.ready();
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

async function sendRaw(pod: LabPod, requests: readonly HostileRequest[]): Promise<readonly string[]> {
  const program = new URL("./pods/send-raw.mjs", import.meta.url).pathname;
  const stdin = JSON.stringify(requests.map(({ bytes }) => bytes));
  const { stdout, stderr } = await pod.run([tools.bun(), program], { stdin });
  try {
    return JSON.parse(stdout);
  } catch {
    throw new Error(`no answers: ${stderr}`);
  }
}

test("a pod without a role reads what is the node's, by the agent's own token and from the node's address", async () => {
  await using pod = await node.deployPod({ namespace: "team", name: "plain", address: "10.244.1.30" });
  await node.metadata.forget();

  const answer = await pod.http("/latest/meta-data/instance-id?x=y", { headers: { "X-Forwarded-For": "1.2.3.4" } });

  expect([answer.status, answer.body, answer.headers["server"]]).toEqual([200, "i-0123456789abcdef0", "kiam"]);
  const [asked] = (await node.metadata.requests()).filter(({ method }) => method === "GET");
  expect([asked?.client, asked?.path]).toEqual([node.address, "/latest/meta-data/instance-id"]);
  expect(asked?.headers).not.toHaveProperty("x-forwarded-for");
  expect(asked?.headers).toHaveProperty("x-aws-ec2-metadata-token");
});

test("iam/info is the pod's own, and what lies beside it is nobody's", async () => {
  await using pod = await node.deployPod({ namespace: "team", name: "own", address: "10.244.1.31", role: "path/own" });

  const info = await pod.http("/latest/meta-data/iam/info");
  const extended = await pod.http("/latest/meta-data/iam/security-credentials-extended/path/own");
  const listing = await pod.http("/latest/meta-data/iam/");
  const instance = await pod.http("/latest/meta-data/identity-credentials/ec2/security-credentials/ec2-instance");

  expect(JSON.parse(info.body).InstanceProfileArn).toBe("arn:aws:iam::123456789012:instance-profile/path/own");
  expect(JSON.parse(extended.body).AccountId).toBe("123456789012");
  expect([listing.status, instance.status]).toEqual([404, 404]);
});

test("two thousand hostile requests through the redirect bring no canary, and reach nothing but what they may", async () => {
  await using pod = await node.deployPod({
    namespace: "team",
    name: "hostile",
    address: "10.244.1.32",
    role: "hostile",
  });
  await node.metadata.forget();
  const requests = hostileRequests();

  const answers = await sendRaw(pod, requests); // Throws a CanaryLeak.

  expect(answers.length).toBe(requests.length);
  expect(answers.filter((answer) => answer.startsWith("HTTP/1.1 ")).length).toBeGreaterThan(requests.length * 0.9);
  const reached = (await node.metadata.requests()).filter(({ method }) => method === "GET").map(({ path }) => path);
  expect([...new Set(reached)]).toEqual(["/latest/meta-data/instance-id"]);
}, 120_000);

test("the same requests straight to the service find the canary: without a redirect it gives its keys", async () => {
  const other = await lab.addNode("node-2");
  await using pod = await other.addPod({
    ...{ name: "straight", address: "10.244.2.6", veth: "calistraight", mayReadCanary: true },
  });

  const answers = await sendRaw(pod, hostileRequests().slice(0, 200));

  expect(answers.filter(holdsCanary).length).toBeGreaterThan(100);
}, 60_000);

function holdsCanary(answer: string): boolean {
  try {
    refuseCanary("straight", answer);
    return false;
  } catch {
    return true;
  }
}

const floodSeconds = 8;

test("a pod that floods gets its share of the node's budget, and another pod's requests pass", async () => {
  await using greedy = await node.deployPod({ namespace: "team", name: "greedy", address: "10.244.1.33" });
  await using modest = await node.deployPod({ namespace: "team", name: "modest", address: "10.244.1.34" });
  await greedy.http("/latest/meta-data/ami-id"); // The token is there.
  await node.metadata.forget();
  const program = new URL("./pods/flood.mjs", import.meta.url).pathname;

  const startedMs = Date.now();
  const flooding = greedy.run([tools.bun(), program, "96", String(floodSeconds)]);
  const reader = startReader(modest, "/latest/meta-data/placement/region", 4);
  const { stdout } = await flooding;
  const reads = await reader.stop();
  const tookSeconds = (Date.now() - startedMs) / 1_000;

  const statuses: Readonly<Record<string, number>> = JSON.parse(stdout);
  const upstream = (await node.metadata.requests()).length;
  expect(upstream).toBeLessThanOrEqual(100 + 20 * tookSeconds + 1);
  expect(upstream).toBeGreaterThan(100 + 20 * (floodSeconds - 2));
  expect(statuses["429"]).toBeGreaterThan(5_000);
  const duringFlood = reads.filter(({ startedMs: at }) => at < startedMs + floodSeconds * 1_000);
  expect(duringFlood.length).toBeGreaterThan(20);
  expect(duringFlood.filter(({ status }) => status !== 200)).toEqual([]);
}, 60_000);
