import { afterAll, beforeAll, expect, test } from "bun:test";
import type { KiamProcess } from "./lab/kiam.ts";
import { createLab, type Lab } from "./lab/lab.ts";
import type { LabNode } from "./lab/node.ts";
import { type Read, type Reader, startSdkReader } from "./lab/reader.ts";
import { waitFor } from "./lab/wait.ts";
import { createGoFleet, type GoFleet } from "./set-up/go-fleet.ts";

// A fleet of the Go release becomes one of ours while a pod on each node gets its credentials all the time: first the
// servers one by one, then the agents, as the upgrade guide says. Then the servers are rolled back under our agents.

const perSecond = 20;
const roles = { "10.244.1.9": "reader", "10.244.2.9": "writer" } as const;

/** A node's agent and what its pod has read. */
interface Place {
  readonly node: LabNode;
  readonly role: string;
  agent: KiamProcess;
  readonly reader: Reader;
  /** When this place's own agent was being replaced, ms since the Unix epoch. */
  readonly replaced: { readonly fromMs: number; readonly toMs: number }[];
}

let lab: Lab;
let go: GoFleet;
let servers: readonly KiamProcess[];
let places: readonly Place[];
beforeAll(async () => {
  lab = await createLab();
  await lab.api.createNamespace("team", { "iam.amazonaws.com/permitted": ".*" });
  const pods = Object.entries(roles).map(([ip, role]) => ({ ip, role }));
  go = await createGoFleet(lab, await lab.agentCertificate(), pods);
  servers = [await go.startServer(), await go.startServer()];
  const [node1, node2] = [await lab.addNode("node-1"), await lab.addNode("node-2")];
  places = await Promise.all([placeOn(node1, "10.244.1.9"), placeOn(node2, "10.244.2.9")]);
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

async function placeOn(node: LabNode, address: keyof typeof roles): Promise<Place> {
  const role = roles[address];
  const agent = await go.startAgent(node);
  const pod = await node.deployPod({ namespace: "team", name: role, address, role });
  const path = `/latest/meta-data/iam/security-credentials/${role}`;
  // STS's first answers come late, and are not what is measured here.
  await waitFor("the first credentials", async () => (await pod.http(path)).status === 200 || undefined);
  return { node, role, agent, reader: startSdkReader(pod, perSecond), replaced: [] };
}

/** The pods of both nodes get credentials some times more. */
async function readOn(times = 10): Promise<void> {
  const goals = places.map(({ reader }) => reader.reads().length + times);
  await waitFor(
    "reads on both nodes",
    () => places.every(({ reader }, index) => reader.reads().length >= (goals[index] ?? 0)) || undefined,
  );
}

/** Takes the first server out of DNS, and stops it, once there is another in its place. */
async function replaceFirstServer(next: Promise<KiamProcess>): Promise<void> {
  const [first, ...others] = servers;
  servers = [...others, await next];
  await first?.[Symbol.asyncDispose]();
  await readOn();
}

async function startOurs(): Promise<KiamProcess> {
  const server = await lab.startServer();
  await server.ready();
  return server;
}

async function replaceAgent(place: Place | undefined, start: (node: LabNode) => Promise<KiamProcess>): Promise<void> {
  if (place === undefined) {
    throw new Error("there is no such node");
  }
  const fromMs = Date.now();
  await place.agent.stop();
  place.agent = await start(place.node);
  place.replaced.push({ fromMs, toMs: Date.now() });
  await readOn();
}

async function startOurAgent(node: LabNode): Promise<KiamProcess> {
  const agent = await node.startAgent({ flags: { "iptables-remove": false } });
  await agent.ready();
  return agent;
}

test("step 1: a fleet of the Go release serves both pods", async () => {
  await readOn();

  expect(failures()).toEqual([]);
});

test("step 2: half of the servers are ours", async () => {
  await replaceFirstServer(startOurs());
  await heardByGoAgents(1);

  expect(failures()).toEqual([]);
});

test("step 3: all servers are ours, and half of the agents", async () => {
  await replaceFirstServer(startOurs());
  await heardByGoAgents(2);
  await replaceAgent(places[0], startOurAgent);

  expect(failures()).toEqual([]);
});

test("step 4: all are ours", async () => {
  await replaceAgent(places[1], startOurAgent);

  expect(failures()).toEqual([]);
  expect(await inUse()).toEqual([0, 0]);
});

test("back: the servers become the Go release's again under agents of ours, one by one", async () => {
  await replaceFirstServer(go.startServer());
  const half = await inUse();
  await replaceFirstServer(go.startServer());
  await waitFor("the agents to fall back", async () => ((await inUse()).every((is) => is === 1) ? true : undefined));
  await readOn();

  expect(failures()).toEqual([]);
  expect(half).toEqual([0, 0]);
});

test("forth: with a server of ours there again the agents leave the Go release's", async () => {
  await replaceFirstServer(startOurs());
  await waitFor("the agents to come back", async () => ((await inUse()).every((is) => is === 0) ? true : undefined));
  await readOn();

  expect(failures()).toEqual([]);
});

test("every key was the pod's own role's, and a replaced agent's gap was a second at most", async () => {
  const all = await Promise.all(places.map(({ reader }) => reader.stop()));
  const assumed = await lab.sts.assumed();
  const roleOf = new Map(assumed.map(({ accessKeyId, roleArn }) => [accessKeyId, roleArn]));

  for (const [index, { role, node, replaced }] of places.entries()) {
    const reads = all[index] ?? [];
    const keys = [...new Set(reads.flatMap(({ key }) => key ?? []))];
    expect(keys.map((key) => roleOf.get(key))).toEqual(keys.map(() => `${lab.roleBaseArn}${role}`));
    expect(keys.length).toBeGreaterThan(3); // Of the Go release's servers, of ours, and of those again.
    const gapMs = longestGapMs(reads);
    const replacedMs = replaced.map(({ fromMs, toMs }) => toMs - fromMs);
    const figures = `${reads.length} reads, ${keyless(reads).length} without credentials, longest gap ${gapMs} ms`;
    // biome-ignore lint/suspicious/noConsole: the figures are what the test is for
    console.log(`${node.name}: ${figures}, agent stopped and another ready in ${replacedMs} ms`);
    expect(gapMs).toBeLessThanOrEqual(1_000);
    expect((await node.metadata.requests()).filter(({ client }) => client in roles)).toEqual([]);
  }
});

/**
 * Our servers' calls by Go agents, so that what is stopped next is not the only one that they know. Of any method: where servers
 * take turns, a pod's two calls may fall to the same ones each time.
 */
async function heardByGoAgents(ours: number): Promise<void> {
  const labels = { grpc_service: "kiam.KiamService" };
  await waitFor(
    "the Go agents to find each server of ours",
    async () => {
      const called = await Promise.all(
        servers.slice(-ours).map((server) => server.metric("grpc_server_handled_total", labels)),
      );
      return called.every((calls) => calls > 0) || undefined;
    },
    40_000,
  );
}

const inUse = () => Promise.all(places.map(({ agent }) => agent.metric("kiam_agent_go_server_in_use")));

function keyless(reads: readonly Read[]): readonly Read[] {
  return reads.filter(({ key }) => key === undefined);
}

/** Reads without credentials, but for those during which the node's own agent was replaced. */
function failures(): readonly Read[] {
  return places.flatMap(({ reader, replaced }) =>
    keyless(reader.reads()).filter(
      ({ startedMs, tookMs }) =>
        !replaced.some(({ fromMs, toMs }) => startedMs <= toMs && startedMs + tookMs >= fromMs),
    ),
  );
}

/** Between the end of a read that got credentials and the end of the next. */
function longestGapMs(reads: readonly Read[]): number {
  const ends = reads
    .filter(({ key }) => key !== undefined)
    .map(({ startedMs, tookMs }) => startedMs + tookMs)
    .toSorted((one, other) => one - other);
  return Math.round(Math.max(...ends.slice(1).map((end, index) => end - (ends[index] ?? end))));
}
