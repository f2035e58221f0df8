import { afterAll, beforeAll, expect, test } from "bun:test";
import { faults } from "../fakes/sts-faults/fault.ts";
import type { KiamProcess } from "./lab/kiam.ts";
import { createLab, type Lab } from "./lab/lab.ts";
import type { LabNode } from "./lab/node.ts";
import { type Read, startReader } from "./lab/reader.ts";
import { type LabStsFaults, startStsFaults } from "./lab/sts-faults.ts";
import { waitFor } from "./lab/wait.ts";

const path = (role: string) => `/latest/meta-data/iam/security-credentials/${role}`;
const lifetimeMs = 10_000;

let lab: Lab;
let sts: LabStsFaults;
let server: KiamProcess;
let node: LabNode;

beforeAll(async () => {
  lab = await createLab();
  sts = await startStsFaults(lab);
  await lab.api.createNamespace("team", { "iam.amazonaws.com/permitted": ".*" });
  server = await lab.startServer({ flags: { "sts-endpoint": sts.endpoint } });
  await server.ready();
  node = await lab.addNode("node-1");
  await (await node.startAgent()).ready();
}, 60_000);
afterAll(async () => {
  await sts?.[Symbol.asyncDispose]();
  await lab?.[Symbol.asyncDispose]();
});

test("STS throttles: a new pod is told so, costs a request a second at most, and is served soon after", async () => {
  await sts.set(faults.throttled);
  await using pod = await node.deployPod({ namespace: "team", name: "new", address: "10.244.1.5", role: "writer" });
  const before = await sts.requests();
  const startedMs = performance.now();
  const told = await waitFor("an answer of STS", async () => {
    const answer = await pod.http(path("writer"));
    return answer.body.includes("Throttling") ? answer : undefined;
  });
  for (let time = 0; time < 20; time += 1) {
    expect((await pod.http(path("writer"))).status).toBe(503);
  }
  const requests = (await sts.requests()) - before;
  const seconds = (performance.now() - startedMs) / 1_000;

  await sts.set(faults.none);
  const served = await waitFor("the credentials", async () => {
    const answer = await pod.http(path("writer"));
    return answer.status === 200 ? answer : undefined;
  });

  expect(told.status).toBe(503);
  expect(requests).toBeLessThanOrEqual(4 + seconds);
  expect(await lab.sts.roleOfAnswer(served.body)).toContain(":assumed-role/writer/");
});

test("server, API server and STS die together: what the pod has is served until it expires, and not a moment longer", async () => {
  await sts.set({ kind: "lifetime", ms: lifetimeMs });
  await using pod = await node.deployPod({ namespace: "team", name: "kept", address: "10.244.1.6", role: "reader" });
  const held = await waitFor("the credentials", async () => {
    const answer = await pod.http(path("reader"));
    return answer.status === 200 ? answer : undefined;
  });
  await using _again = { [Symbol.asyncDispose]: () => lab.controlPlane.startApiServer() };
  const expiresAtMs = Date.parse(JSON.parse(held.body).Expiration);
  const reader = startReader(pod, path("reader"), 20);

  await Promise.all([
    server.stop("SIGKILL"),
    lab.controlPlane.stopApiServer(),
    sts.process.stop("SIGKILL"),
    lab.sts.process.stop("SIGKILL"),
  ]);
  // The document tells whole seconds.
  const isAfter = ({ startedMs }: Read) => startedMs >= expiresAtMs + 1_000;
  await waitFor("reads after that", () => reader.reads().filter(isAfter).length > 10 || undefined, 2 * lifetimeMs);
  const reads = await reader.stop();

  const [before, after] = [
    reads.filter(({ startedMs, tookMs }) => startedMs + tookMs < expiresAtMs),
    reads.filter(isAfter),
  ];
  expect(before.filter(({ status }) => status !== 200)).toEqual([]);
  expect(before.length).toBeGreaterThan(60);
  expect(after.filter(({ key }) => key !== undefined)).toEqual([]);
  expect(after.length).toBeGreaterThan(10);
  // After which SDKs give up.
  expect(Math.max(...after.map(({ tookMs }) => tookMs))).toBeLessThan(1_000);
}, 60_000);
