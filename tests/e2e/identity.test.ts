import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Answers, askServer, type Question } from "./lab/ask-server.ts";
import type { KiamOptions, KiamProcess } from "./lab/kiam.ts";
import { createLab, type Lab } from "./lab/lab.ts";
import type { LabNode } from "./lab/node.ts";
import type { Identity } from "./lab/pki.ts";
import type { LabPod } from "./lab/pod.ts";
import { waitFor } from "./lab/wait.ts";

// What an agent gets by what it proves: tokens are the API server's own, and reviewed by it.

let lab: Lab;
/** Refuses agents that prove nothing. */
let strict: KiamProcess;
/** Serves them. */
let lenient: KiamProcess;
let node1: LabNode;
let node2: LabNode;
/** The certificate that all agents share, and that names no node. */
let shared: Identity;
let nodeOne: Identity;
let nodeTwo: Identity;
/** A pod on node-1 that may have the role reader; on node-2 there is one that may have writer. */
let reader: LabPod;
/** Tokens of the agents' pods on either node. */
let token1: string;
let token2: string;

beforeAll(async () => {
  lab = await createLab();
  await lab.api.createNamespace("team", { "iam.amazonaws.com/permitted": ".*" });
  [strict, lenient] = await Promise.all([
    lab.startServer({ flags: { "agent-identity": "required" } }),
    lab.startServer({ flags: { "agent-identity": "prefer" } }),
  ]);
  [node1, node2] = [await lab.addNode("node-1"), await lab.addNode("node-2")];
  [shared, nodeOne, nodeTwo] = await Promise.all([
    lab.agentCertificate(),
    lab.nodeCertificate("node-1"),
    lab.nodeCertificate("node-2"),
  ]);
  token1 = (await agentPod("kiam-agent-1", node1)).token;
  token2 = (await agentPod("kiam-agent-2", node2)).token;
  await Promise.all([strict.ready(), lenient.ready()]);
  reader = await node1.deployPod({ namespace: "team", name: "reader", address: "10.244.1.9", role: "reader" });
  await node2.deployPod({ namespace: "team", name: "writer", address: "10.244.2.9", role: "writer" });
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

const system = "kiam-system";
const listing = "/latest/meta-data/iam/security-credentials/";
const audience = "kiam-server";

/** A pod of the DaemonSet as the API server has it, and the token that is projected into it. */
async function agentPod(name: string, node: LabNode) {
  const account = { serviceAccountName: "kiam-agent", hostNetwork: true };
  const pod = await lab.api.createPod({ namespace: system, name, nodeName: node.name, ...account });
  await lab.api.runPod(system, name, node.address, node.address);
  return { name, token: await tokenOf("kiam-agent", { name, uid: pod.uid }) };
}

function tokenOf(account: string, boundPod?: { readonly name: string; readonly uid: string }): Promise<string> {
  return lab.api.createServiceAccountToken({
    ...{ namespace: system, name: account, audience },
    ...(boundPod === undefined ? {} : { boundPod }),
  });
}

let tokenFiles = 0;
/** What an agent is given that has this token, the shared certificate, and a server to ask. */
async function withToken(token: string, server: KiamProcess): Promise<KiamOptions> {
  tokenFiles += 1;
  const path = join(lab.directory, `token-${tokenFiles}`);
  await writeFile(path, `${token}\n`, { mode: 0o600 });
  return { identity: shared, flags: { ...toServer(server), "identity-token": path } };
}

const toServer = (server: KiamProcess) => ({ "server-address": `${server.address}:9610` });

const handed = (body: string) => {
  const { AccessKeyId, SecretAccessKey, Token } = JSON.parse(body);
  return lab.sts.roleOf({ accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, token: Token });
};
const assumed = (role: string) => `arn:aws:sts::123456789012:assumed-role/${role}/kiam-kiam`;

test("a token of the agent's own pod proves its node", async () => {
  await using agent = await node1.startAgent(await withToken(token1, strict));
  await agent.ready();
  await using pod = await node1.deployPod({ namespace: "team", name: "own", address: "10.244.1.10", role: "own" });

  const { body } = await pod.http(`${listing}own`);

  expect(await handed(body)).toBe(assumed("own"));
  expect(await strict.metric("kiam_agent_calls_total", { proof: "token" })).toBeGreaterThan(0);
  expect(agent.output() + strict.output()).not.toContain(token1);
});

/** What an agent on node-1 is given that proves badly, and what its log says of it. */
const badProofs: readonly (readonly [string, () => Promise<KiamOptions>, RegExp])[] = [
  [
    "a token of the agent's pod on another node",
    () => withToken(token2, strict),
    /the agent is proved to be on node node-2 and asks for node node-1/,
  ],
  [
    "a token of another service account",
    async () => {
      const name = "other-account";
      const pod = await lab.api.createPod({
        ...{ namespace: system, name, nodeName: "node-1", serviceAccountName: "kiam-server" },
      });
      return withToken(await tokenOf("kiam-server", pod), strict);
    },
    /the token is of system:serviceaccount:kiam-system:kiam-server, whose tokens prove no node/,
  ],
  [
    "a token for another audience",
    async () => {
      const { name, uid } = await lab.api.createPod({
        ...{ namespace: system, name: "other-audience", nodeName: "node-1", serviceAccountName: "kiam-agent" },
      });
      const request = { namespace: system, name: "kiam-agent", audience: "vault", boundPod: { name, uid } };
      return withToken(await lab.api.createServiceAccountToken(request), strict);
    },
    /the API server does not accept the token/,
  ],
  [
    "a token of a pod that was deleted",
    async () => {
      const { name, token } = await agentPod("kiam-agent-gone", node1);
      await lab.api.deletePod(system, name);
      return withToken(token, strict);
    },
    /the API server does not accept the token/,
  ],
  [
    "a token that is bound to no pod",
    async () => withToken(await tokenOf("kiam-agent"), strict),
    /the token is not bound to a pod/,
  ],
  [
    "the certificate of another node",
    async () => ({ identity: nodeTwo, flags: toServer(strict) }),
    /the agent is proved to be on node node-2 and asks for node node-1/,
  ],
  [
    "no proof",
    async () => ({ identity: shared, flags: toServer(strict) }),
    /the agent shows neither a token nor a node's certificate/,
  ],
  [
    "a bad token, where no proof would do",
    async () => withToken(await tokenOf("kiam-agent"), lenient),
    /the token is not bound to a pod/,
  ],
];

test.each(badProofs)("an agent with %s gives its pods no credentials, and says why", async (_, options, reason) => {
  await using agent = await node1.startAgent(await options());
  await agent.waitForLog(reason);

  const answers = await Promise.all([reader.http(`${listing}reader`), reader.http(listing)]);

  expect(answers.map(({ status }) => status)).toEqual([503, 503]);
  expect(await agent.metric("kiam_agent_store_pods")).toBe(0);
});

test("where proof is only preferred, an agent without one is served, with a warning and a count", async () => {
  await using agent = await node1.startAgent({ identity: shared, flags: toServer(lenient) });
  await agent.ready();
  await using pod = await node1.deployPod({ namespace: "team", name: "old", address: "10.244.1.12", role: "old" });

  const { body } = await pod.http(`${listing}old`);

  expect(await handed(body)).toBe(assumed("old"));
  await lenient.waitForLog(/serving an agent that does not prove its node/);
  expect(await lenient.metric("kiam_agent_calls_total", { proof: "unproven" })).toBeGreaterThan(0);
});

describe("a proof in other hands", () => {
  const ofNode1 = { podAddress: "10.244.1.9", role: "reader" };
  const ofNode2 = { podAddress: "10.244.2.9", role: "writer" };

  function ask(question: Omit<Question, "address"> & { readonly server?: KiamProcess }): Promise<Answers> {
    const { server = strict, ...rest } = question;
    return askServer(lab.control, { address: server.address, ...rest });
  }

  const nothingOfOthers = {
    lookupPod: "NotFound: no live pod of the node has the address",
    getPodRole: "Unknown: no pod found",
    getPodCredentials: "Unknown: no pod found",
  };
  const everywhere = (refusal: string): Answers => ({
    ...{ watchNode: refusal, lookupPod: refusal, getPodRole: refusal, getPodCredentials: refusal },
  });

  test("gives all of its own node: else the refusals below would prove nothing", async () => {
    const byCertificate = await ask({ identity: nodeOne, nodeName: "node-1", ...ofNode1 });
    const byToken = await ask({ identity: shared, authorization: `Bearer ${token1}`, ...ofNode1 });

    expect(byCertificate).toMatchObject({ getPodRole: "reader", getPodCredentials: "Success" });
    expect(byCertificate.lookupPod).toStartWith("credentials of ");
    expect(byCertificate.watchNode).toContain("reader");
    expect(byToken).toEqual(byCertificate);
  });

  test("gives nothing of another node, by certificate or token, on either server", async () => {
    const proofs = [{ identity: nodeTwo }, { identity: shared, authorization: `Bearer ${token2}` }];

    const answers = await Promise.all(
      proofs.flatMap((proof) => [strict, lenient].map((server) => ask({ ...proof, ...ofNode1, server }))),
    );

    for (const { watchNode, ...others } of answers) {
      expect(watchNode).toContain("writer");
      expect(watchNode).not.toContain("reader");
      expect(others).toEqual(nothingOfOthers);
    }
  });

  test("is refused where it claims another node", async () => {
    const [byCertificate, byToken] = await Promise.all([
      ask({ identity: nodeTwo, nodeName: "node-1", ...ofNode1 }),
      ask({ identity: shared, authorization: `Bearer ${token2}`, nodeName: "node-1", ...ofNode1 }),
    ]);

    const refusal = "PermissionDenied: the agent is proved to be on node node-2 and asks for node node-1";
    expect(byCertificate).toEqual({ ...nothingOfOthers, watchNode: refusal, lookupPod: refusal });
    expect(byToken).toEqual(byCertificate);
  });

  test("is refused where the certificate is one node's and the token another's", async () => {
    const answers = await ask({ identity: nodeOne, authorization: `Bearer ${token2}`, ...ofNode2 });

    expect(answers).toEqual(everywhere("PermissionDenied: the certificate is node node-1's, the token node node-2's"));
  });

  test("is refused when it is none", async () => {
    const [nothing, garbage, noBearer, unbound] = await Promise.all([
      ask({ identity: shared, ...ofNode1 }),
      ask({ identity: shared, authorization: "Bearer not-a-token", ...ofNode1 }),
      ask({ identity: shared, authorization: "Basic a2lhbTpraWFt", ...ofNode1 }),
      ask({ identity: shared, authorization: `Bearer ${await tokenOf("kiam-agent")}`, nodeName: "node-1", ...ofNode1 }),
    ]);

    expect(nothing).toEqual(everywhere("Unauthenticated: the agent shows neither a token nor a node's certificate"));
    expect(garbage.getPodCredentials).toStartWith("Unauthenticated: the API server does not accept the token");
    expect(garbage).toEqual(everywhere(garbage.getPodCredentials));
    expect(noBearer).toEqual(everywhere("InvalidArgument: authorization is malformed"));
    expect(unbound.watchNode).toStartWith("PermissionDenied: the token is not bound to a pod");
    expect(unbound).toEqual(everywhere(unbound.getPodCredentials));
  });

  test("is worth nothing once the agent's pod is gone", async () => {
    const { name, token } = await agentPod("kiam-agent-brief", node2);
    const proof = { identity: shared, authorization: `Bearer ${token}`, ...ofNode2 };
    const before = await ask(proof);

    await lab.api.deletePod(system, name);
    const after = await waitFor("the refusal", async () => {
      const answers = await ask(proof);
      return answers.getPodCredentials === "Success" ? undefined : answers;
    });

    expect(before.getPodCredentials).toBe("Success");
    expect(after.getPodCredentials).toStartWith("Unauthenticated: ");
    expect(after).toEqual(everywhere(after.getPodCredentials));
  });
});

test("an agent whose own pod is deleted is cut off, and goes on with what it holds", async () => {
  const { name, token } = await agentPod("kiam-agent-3", node1);
  await using agent = await node1.startAgent(await withToken(token, strict));
  await agent.ready();
  await using held = await node1.deployPod({ namespace: "team", name: "held", address: "10.244.1.13", role: "held" });
  const before = await held.http(`${listing}held`);

  await lab.api.deletePod(system, name);
  await agent.waitForLog(/does not accept the proof of this agent's node/);
  const after = await held.http(`${listing}held`);
  await using late = await node1.deployPod({ namespace: "team", name: "late", address: "10.244.1.14", role: "late" });
  const refused = await late.http(`${listing}late`);

  expect([before.status, after.status, refused.status]).toEqual([200, 200, 503]);
  expect(await agent.metric("kiam_agent_feed_connected")).toBe(0);
});

test("with the API server away proven agents are served and come back, and new proofs wait", async () => {
  const options = await withToken(token1, strict);
  const fresh = await agentPod("kiam-agent-4", node2);
  await using pod = await node1.deployPod({ namespace: "team", name: "stays", address: "10.244.1.15", role: "stays" });
  const first = await node1.startAgent(options);
  await first.ready();
  const before = await pod.http(`${listing}stays`);

  await lab.controlPlane.stopApiServer();
  const meanwhile = await pod.http(`${listing}stays`);
  await first.stop();
  await using second = await node1.startAgent(options);
  await second.ready();
  const anew = await pod.http(`${listing}stays`);
  await using unknown = await node2.startAgent(await withToken(fresh.token, strict));
  await unknown.waitForLog(/the API server can't be asked about the token/);
  await lab.controlPlane.startApiServer();
  await unknown.ready();

  expect([before.status, meanwhile.status, anew.status]).toEqual([200, 200, 200]);
  expect(await handed(anew.body)).toBe(assumed("stays"));
});
