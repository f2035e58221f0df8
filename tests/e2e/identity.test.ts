import { afterAll, beforeAll, expect, test } from "bun:test";
import type { KiamOptions } from "./lab/kiam.ts";
import { toServer } from "./set-up/proofs.ts";
import { createTwoNodes, type TwoNodes } from "./set-up/two-nodes.ts";

// What an agent gets by what it proves: tokens are the API server's own, and reviewed by it.

let world: TwoNodes;
beforeAll(async () => {
  world = await createTwoNodes();
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

const listing = "/latest/meta-data/iam/security-credentials/";
const assumed = (role: string) => `arn:aws:sts::123456789012:assumed-role/${role}/kiam-kiam`;

/** A pod on node-1, which may have the role of its own name. */
function deploy(name: string, address: string) {
  return world.node1.deployPod({ namespace: "team", name, address, role: name });
}

test("a token of the agent's own pod proves its node", async () => {
  const { node1, proofs, strict, token1 } = world;
  await using agent = await node1.startAgent(await proofs.options(token1, strict));
  await agent.ready();
  await using pod = await deploy("own", "10.244.1.10");

  const { body } = await pod.http(`${listing}own`);

  expect(await world.lab.sts.roleOfAnswer(body)).toBe(assumed("own"));
  expect(await strict.metric("kiam_agent_calls_total", { proof: "token" })).toBeGreaterThan(0);
  expect(agent.output() + strict.output()).not.toContain(token1);
});

/** What an agent on node-1 is given that proves badly, and what its log says of it. */
const badProofs: readonly (readonly [string, (world: TwoNodes) => Promise<KiamOptions>, RegExp])[] = [
  [
    "a token of the agent's pod on another node",
    ({ proofs, token2, strict }) => proofs.options(token2, strict),
    /the agent is proved to be on node node-2 and asks for node node-1/,
  ],
  [
    "a token of another service account",
    async ({ proofs, node1, strict }) => {
      const pod = { name: "other-account", node: node1 };
      return proofs.options(await proofs.token({ account: "kiam-server", pod }), strict);
    },
    /the token is of system:serviceaccount:kiam-system:kiam-server, whose tokens prove no node/,
  ],
  [
    "a token for another audience",
    async ({ proofs, node1, strict }) => {
      const pod = { name: "other-audience", node: node1 };
      return proofs.options(await proofs.token({ account: "kiam-agent", audience: "vault", pod }), strict);
    },
    /the API server does not accept the token/,
  ],
  [
    "a token of a pod that was deleted",
    async ({ proofs, node1, strict }) => {
      const token = await proofs.agentToken("kiam-agent-gone", node1);
      await proofs.deletePod("kiam-agent-gone");
      return proofs.options(token, strict);
    },
    /the API server does not accept the token/,
  ],
  [
    "a token that is bound to no pod",
    async ({ proofs, strict }) => proofs.options(await proofs.token({ account: "kiam-agent" }), strict),
    /the token is not bound to a pod/,
  ],
  [
    "the certificate of another node",
    async ({ certificate2, strict }) => ({ identity: certificate2, flags: toServer(strict) }),
    /the agent is proved to be on node node-2 and asks for node node-1/,
  ],
  [
    "no proof",
    async ({ shared, strict }) => ({ identity: shared, flags: toServer(strict) }),
    /the agent shows neither a token nor a node's certificate/,
  ],
  [
    "a bad token, where no proof would do",
    async ({ proofs, lenient }) => proofs.options(await proofs.token({ account: "kiam-agent" }), lenient),
    /the token is not bound to a pod/,
  ],
];

test.each(badProofs)("an agent with %s gives its pods no credentials, and says why", async (_, options, reason) => {
  const { node1, reader } = world;
  await using agent = await node1.startAgent(await options(world));
  await agent.waitForLog(reason);

  const answers = await Promise.all([reader.http(`${listing}reader`), reader.http(listing)]);

  expect(answers.map(({ status }) => status)).toEqual([503, 503]);
  expect(await agent.metric("kiam_agent_store_pods")).toBe(0);
});

test("where proof is only preferred, an agent without one is served, with a warning and a count", async () => {
  const { node1, lenient, shared } = world;
  await using agent = await node1.startAgent({ identity: shared, flags: toServer(lenient) });
  await agent.ready();
  await using pod = await deploy("old", "10.244.1.12");

  const { body } = await pod.http(`${listing}old`);

  expect(await world.lab.sts.roleOfAnswer(body)).toBe(assumed("old"));
  await lenient.waitForLog(/serving an agent that does not prove its node/);
  expect(await lenient.metric("kiam_agent_calls_total", { proof: "unproven" })).toBeGreaterThan(0);
});

test("an agent whose own pod is deleted is cut off, and goes on with what it holds", async () => {
  const { node1, proofs, strict } = world;
  const token = await proofs.agentToken("kiam-agent-3", node1);
  await using agent = await node1.startAgent(await proofs.options(token, strict));
  await agent.ready();
  await using held = await deploy("held", "10.244.1.13");
  const before = await held.http(`${listing}held`);

  await proofs.deletePod("kiam-agent-3");
  await agent.waitForLog(/does not accept the proof of this agent's node/);
  const after = await held.http(`${listing}held`);
  await using late = await deploy("late", "10.244.1.14");
  const refused = await late.http(`${listing}late`);

  expect([before.status, after.status, refused.status]).toEqual([200, 200, 503]);
  expect(await agent.metric("kiam_agent_feed_connected")).toBe(0);
});

test("with the API server away proven agents are served and come back, and new proofs wait", async () => {
  const { lab, node1, node2, proofs, strict, token1 } = world;
  const options = await proofs.options(token1, strict);
  const unseen = await proofs.options(await proofs.agentToken("kiam-agent-4", node2), strict);
  await using pod = await deploy("stays", "10.244.1.15");
  const first = await node1.startAgent(options);
  await first.ready();
  const before = await pod.http(`${listing}stays`);

  await lab.controlPlane.stopApiServer();
  const meanwhile = await pod.http(`${listing}stays`);
  await first.stop();
  await using second = await node1.startAgent(options);
  await second.ready();
  const anew = await pod.http(`${listing}stays`);
  await using newcomer = await node2.startAgent(unseen);
  await newcomer.waitForLog(/the API server can't be asked about the token/);
  await lab.controlPlane.startApiServer();
  await newcomer.ready();

  expect([before.status, meanwhile.status, anew.status]).toEqual([200, 200, 200]);
  expect(await world.lab.sts.roleOfAnswer(anew.body)).toBe(assumed("stays"));
});
