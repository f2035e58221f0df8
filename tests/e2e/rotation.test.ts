import { afterAll, beforeAll, expect, test } from "bun:test";
import { createLab, type Lab } from "./lab/lab.ts";
import type { LabNode } from "./lab/node.ts";
import type { LabPod } from "./lab/pod.ts";
import { failed, startReader } from "./lab/reader.ts";
import { waitFor } from "./lab/wait.ts";
import { type RotatingPair, startRotatingPair } from "./set-up/rotation.ts";

// Certificates, keys and authorities of the compiled processes are replaced while a pod reads; bench/pieces/rotation.ts does it a hundred times.

const path = "/latest/meta-data/iam/security-credentials/reader";
const perSecond = 200;

let lab: Lab;
let node: LabNode;
let pair: RotatingPair;
let pod: LabPod;
beforeAll(async () => {
  lab = await createLab();
  await lab.api.createNamespace("team", { "iam.amazonaws.com/permitted": ".*" });
  node = await lab.addNode("node-1");
  pair = await startRotatingPair(lab, (identity) => node.startAgent({ identity }), node.name);
  pod = await node.deployPod({ namespace: "team", name: "reader", address: "10.244.1.9", role: "reader" });
  await waitFor("the credentials", async () => (await pod.http(path)).status === 200 || undefined);
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

test("a pod that reads 200 times a second notices nothing of new certificates and of a new authority", async () => {
  const reader = startReader(pod, path, perSecond);

  await pair.rotate();
  await pair.rotateAuthority();
  await pair.rotate();
  const reads = await reader.stop();

  expect(failed(reads)).toEqual([]);
  expect(reads.length).toBeGreaterThan(pair.rotations * perSecond * 0.1);
  const keys = [...new Set(reads.map(({ key }) => key))];
  const roles = (await lab.sts.assumed()).filter(({ accessKeyId }) => keys.includes(accessKeyId));
  expect(roles.map(({ roleArn }) => roleArn)).toEqual(keys.map(() => `${lab.roleBaseArn}reader`));
});

test("a pod that comes after the rotations is served under the new authority", async () => {
  const role = "latecomer";
  await using late = await node.deployPod({ namespace: "team", name: role, address: "10.244.1.10", role });

  const answer = await late.http("/latest/meta-data/iam/security-credentials/latecomer");

  expect(answer.status).toBe(200);
  expect(await pair.server.metric("grpc_server_tls_certificate_update_error")).toBe(0);
  expect(await pair.agent.metric("grpc_client_tls_certificate_update_error")).toBe(0);
  expect(await pair.agent.metric("kiam_agent_feed_connected")).toBe(1);
});
