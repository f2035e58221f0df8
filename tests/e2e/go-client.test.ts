import { afterAll, beforeAll, expect, test } from "bun:test";
import type { KiamProcess } from "./lab/kiam.ts";
import { createLab, type Lab } from "./lab/lab.ts";
import type { LabProcess } from "./lab/process.ts";
import { tools } from "./lab/tools.ts";
import { waitFor } from "./lab/wait.ts";

// grpc-go's client, with the options of the Go release's agent, before compiled servers and a real API server.

const [podIp, role] = ["10.244.1.5", "reader"];
const flags = { "grpc-max-connection-age-duration": "1s", "grpc-max-connection-age-grace-duration": "1m" };

let lab: Lab;
let servers: readonly KiamProcess[];
beforeAll(async () => {
  lab = await createLab();
  await lab.api.createNamespace("team", { "iam.amazonaws.com/permitted": ".*" });
  const node = await lab.addNode("node-1");
  await node.deployPod({ namespace: "team", name: "web", address: podIp, role });
  servers = await Promise.all([startServer(), startServer(), startServer()]);
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

async function startServer(): Promise<KiamProcess> {
  const server = await lab.startServer({ flags });
  await server.ready();
  return server;
}

async function goAgent(...words: readonly string[]): Promise<LabProcess> {
  const { cert, key, ca } = await lab.agentCertificate();
  const [command = "", ...rest] = words;
  const proof = [`--cert=${cert}`, `--key=${key}`, `--ca=${ca}`];
  const place = ["--server-address=kiam-server:9610", "--gateway-timeout-creation=10s"];
  return lab.control.start("goagent", [tools.goFleet("goagent"), command, ...proof, ...place, ...rest]);
}

async function call(...words: readonly string[]) {
  const agent = await goAgent("call", ...words);
  const [json = ""] = await agent.waitForLog(/^\{.*\}$/m);
  return JSON.parse(json);
}

test("gets a pod's role, its credentials and the Go release's refusals", async () => {
  const named = await call("role", podIp);
  const given = await call("credentials", podIp, role);
  const refused = [await call("credentials", podIp, "writer"), await call("role", "10.244.9.9")];

  expect([named.answer, given.code]).toEqual([{ name: role }, "OK"]);
  const key = {
    accessKeyId: given.answer.access_key_id,
    secretAccessKey: given.answer.secret_access_key,
    token: given.answer.token,
  };
  expect(await lab.sts.roleOf(key)).toContain(`:assumed-role/${role}/`);
  expect(refused.map(({ code, text }) => `${code}: ${text}`)).toEqual([
    "Unknown: forbidden by policy",
    "Unknown: no pod found",
  ]);
}, 60_000);

test("no call fails while connections come to their age, and one server after another is stopped", async () => {
  const load = await goAgent("load", "--pause=2ms", podIp, role);
  await callsMore(servers);

  const [first, second, third] = servers;
  const exits = [await first?.stop(), await second?.stop()];
  await callsMore([third]);
  await load.stop();

  const [json = "{}"] = load.output().match(/^\{.*\}$/m) ?? [];
  const { calls, failures, connections, peers } = JSON.parse(json);
  expect([failures, exits]).toEqual([{}, [0, 0]]);
  expect([calls > 1_000, connections > 6, Object.keys(peers).length]).toEqual([true, true, 3]);
}, 120_000);

/** Resolves once each has answered some hundred calls more. */
async function callsMore(some: readonly (KiamProcess | undefined)[]): Promise<void> {
  const handled = () =>
    Promise.all(some.map(async (server) => (await server?.metric("grpc_server_handled_total")) ?? 0));
  const before = await handled();
  const isEnough = async () => (await handled()).every((calls, at) => calls > (before[at] ?? 0) + 300);
  await waitFor("calls of each server", async () => (await isEnough()) || undefined);
}
