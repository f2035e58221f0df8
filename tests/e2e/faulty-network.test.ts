import { afterAll, beforeAll, expect, test } from "bun:test";
import type { KiamProcess } from "./lab/kiam.ts";
import { createLab, type Lab } from "./lab/lab.ts";
import type { LabNode } from "./lab/node.ts";
import type { LabPod } from "./lab/pod.ts";
import { failed, type Reader, startReader } from "./lab/reader.ts";
import { waitFor } from "./lab/wait.ts";

// What happens between a node and its servers while a pod reads: the network swallows, loses and cuts, servers freeze, die and leave.

const role = "reader";
const listing = "/latest/meta-data/iam/security-credentials/";
const perSecond = 50;
/** For which a fault lasts: three and a half seconds, longer than a silent peer is waited for. */
const readsInFault = 3.5 * perSecond;

/** An agent's longest pause between two tries is 15 s. */
const recoveredWithinMs = 20_000;

/** A peer that does not answer is noticed in 2 s instead of 12. */
const flags = { "grpc-keepalive-time-duration": "1s", "grpc-keepalive-timeout-duration": "1s" };

let lab: Lab;
let node: LabNode;
let agent: KiamProcess;
let pod: LabPod;
let servers: KiamProcess[];
let latecomers = 0;
beforeAll(async () => {
  lab = await createLab();
  await lab.api.createNamespace("team", { "iam.amazonaws.com/permitted": ".*" });
  servers = await Promise.all([lab.startServer({ flags }), lab.startServer({ flags })]);
  await Promise.all(servers.map((server) => server.ready()));
  node = await lab.addNode("node-1");
  agent = await node.startAgent({ flags });
  await agent.ready();
  pod = await node.deployPod({ namespace: "team", name: "steady", address: "10.244.1.5", role });
  await waitFor("the credentials", async () => (await pod.http(`${listing}${role}`)).status === 200 || undefined);
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

/** The server that the agent was last in sync with: at a server that had been frozen a former stream may still stand. */
async function serving(): Promise<KiamProcess> {
  return await waitFor(
    "the agent's stream",
    async () => {
      const isConnected = (await agent.metric("kiam_agent_feed_connected")) === 1;
      const [, address] = [...agent.output().matchAll(/"in sync with a server","addr":"([^"]+)"/g)].at(-1) ?? [];
      return isConnected ? servers.find((server) => server.address === address) : undefined;
    },
    recoveredWithinMs,
  );
}

/** Drops what goes between the node and the servers. */
async function drop(match: readonly string[]): Promise<AsyncDisposable> {
  const rules = [
    ["OUTPUT", "-o", "eth0", "-p", "tcp", "--dport", "9610"],
    ["INPUT", "-i", "eth0", "-p", "tcp", "--sport", "9610"],
  ].map((rule) => [...rule, ...match, "-j", "DROP"]);
  for (const rule of rules) {
    await node.netns.must(["iptables", "-w", "-A", ...rule]);
  }
  return {
    async [Symbol.asyncDispose]() {
      for (const rule of rules) {
        await node.netns.must(["iptables", "-w", "-D", ...rule]);
      }
    },
  };
}

/** The while that a fault lasts, told by what the pod has read in it. */
async function lasting(reader: Reader): Promise<void> {
  const goal = reader.reads().length + readsInFault;
  await waitFor("the pod to read on", () => reader.reads().length >= goal || undefined);
}

async function replace(gone: KiamProcess): Promise<void> {
  const next = await lab.startServer({ flags });
  await next.ready();
  servers = [...servers.filter((server) => server !== gone), next];
}

const faults: readonly (readonly [name: string, fault: (reader: Reader) => Promise<void>])[] = [
  [
    "the network swallows all that goes to the servers and comes from them",
    async (reader) => {
      await using _dropped = await drop([]);
      await lasting(reader);
    },
  ],
  [
    "the network loses every third packet",
    async (reader) => {
      await using _lost = await drop(["-m", "statistic", "--mode", "random", "--probability", "0.33"]);
      await lasting(reader);
    },
  ],
  [
    "the node's cable is pulled",
    async (reader) => {
      await lab.control.must(["ip", "link", "set", "node1", "down"]);
      await lasting(reader);
      await lab.control.must(["ip", "link", "set", "node1", "up"]);
    },
  ],
  [
    "the agent's server freezes",
    async (reader) => {
      const { pid } = await serving();
      process.kill(pid, "SIGSTOP");
      await lasting(reader);
      process.kill(pid, "SIGCONT");
    },
  ],
  [
    "the agent's server is killed",
    async () => {
      const server = await serving();
      await server.stop("SIGKILL");
      await replace(server);
    },
  ],
  [
    "the agent's server is stopped in order",
    async () => {
      const server = await serving();
      await server.stop("SIGTERM");
      await replace(server);
    },
  ],
];

for (const [name, fault] of faults) {
  test(`${name}: no read of a pod fails, and the agent hears of what is new again`, async () => {
    const reader = startReader(pod, `${listing}${role}`, perSecond);

    await fault(reader);
    latecomers += 1;
    const late = `late-${latecomers}`;
    const begunMs = performance.now();
    await using latecomer = await node.deployPod({
      ...{ namespace: "team", name: late, address: `10.244.1.${10 + latecomers}`, role: late },
    });
    await waitFor(
      "the credentials of a new pod",
      async () => (await latecomer.http(`${listing}${late}`)).status === 200 || undefined,
      recoveredWithinMs,
    );
    await serving();
    const recoveredMs = performance.now() - begunMs;
    const reads = await reader.stop();

    expect(failed(reads)).toEqual([]);
    expect(reads.length).toBeGreaterThan(perSecond / 4);
    expect(recoveredMs).toBeLessThan(recoveredWithinMs);
  }, 60_000);
}
