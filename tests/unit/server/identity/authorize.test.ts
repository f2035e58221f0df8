import { describe, expect, test } from "bun:test";
import type { TokenReview } from "../../../../src/domain/token-review.ts";
import { neverAborted } from "../../../../src/runtime/abort.ts";
import { createNodeAuthorizer, type Evidence, type NodeClaim } from "../../../../src/server/identity/authorize.ts";
import { createPodStore } from "../../../../src/server/workload/pods.ts";
import { createFakeClock, settle } from "../../../fakes/clock.ts";
import { aPod, aUid } from "../../../fakes/pods.ts";
import { aToken, createFakeTokenReview } from "../../../fakes/token-review.ts";

const startMs = Date.UTC(2026, 0, 1);
const hourMs = 3_600_000;
const token = aToken({ exp: (startMs + hourMs) / 1000 });
const agentPod = aPod({
  uid: "agent-a",
  name: "kiam-agent-x",
  namespace: "kiam",
  nodeName: "node-a",
  hostIp: "192.168.0.1",
  addresses: [],
});
const good: TokenReview = {
  kind: "authenticated",
  username: "system:serviceaccount:kiam:kiam-agent",
  audiences: ["kiam-server"],
  podUid: "agent-a",
  nodeName: "node-a",
};
const noClaim: NodeClaim = { nodeName: "", hostIp: "" };
const nodeACertificate = ["DNS:kiam-agent", "DNS:node-a.node.kiam"];
const provenByToken = {
  kind: "proven",
  nodeName: "node-a",
  by: "token",
  podUid: aUid("agent-a"),
  validUntilMs: startMs + hourMs,
} as const;
const provenByCertificate = { kind: "proven", nodeName: "node-a", by: "certificate" } as const;

function createWorld(mode: "prefer" | "required" = "required") {
  const clock = createFakeClock(startMs);
  const pods = createPodStore();
  pods.upsert(agentPod);
  const api = createFakeTokenReview();
  api.say(token, good);
  const { authorize } = createNodeAuthorizer({
    mode,
    reviewToken: api.reviewToken,
    audience: "kiam-server",
    agentServiceAccounts: [{ namespace: "kiam", name: "kiam-agent" }],
    trustDomain: "example.org",
    pods,
    clock,
  });
  const ask = (evidence: Partial<Evidence>, claim: Partial<NodeClaim> = {}, signal = neverAborted()) =>
    authorize({ alternativeNames: [], ...evidence }, { ...noClaim, ...claim }, signal);
  return { clock, pods, api, ask };
}

describe.each(["prefer", "required"] as const)("where proof is %s", (mode) => {
  test("a token proves the node of its pod", async () => {
    const { ask } = createWorld(mode);

    expect(await ask({ bearerToken: token })).toEqual(provenByToken);
    expect(await ask({ bearerToken: token }, { nodeName: "node-a" })).toEqual(provenByToken);
  });

  test("a certificate proves the node that it names", async () => {
    const { api, ask } = createWorld(mode);

    expect(await ask({ alternativeNames: nodeACertificate })).toEqual(provenByCertificate);
    expect(await ask({ alternativeNames: nodeACertificate }, { nodeName: "node-a" })).toEqual(provenByCertificate);
    expect(api.calls).toEqual([]);
  });

  test("a SPIFFE id of the trust domain proves its node", async () => {
    const { ask } = createWorld(mode);
    const alternativeNames = ["URI:spiffe://example.org/kiam/node/node-a"];

    expect(await ask({ alternativeNames })).toEqual(provenByCertificate);
  });

  test("a SPIFFE id beside another URI is refused, not taken for no proof", async () => {
    const { ask } = createWorld(mode);
    const alternativeNames = ["URI:spiffe://example.org/kiam/node/node-a", "URI:spiffe://example.org/other"];

    expect(await ask({ alternativeNames })).toEqual({
      kind: "refused",
      code: "permission-denied",
      reason: "the certificate has several URIs, of which a SPIFFE certificate has one",
    });
  });

  test.each<[string, Partial<Evidence>]>([
    ["a token", { bearerToken: token }],
    ["a certificate", { alternativeNames: nodeACertificate }],
  ])("%s of one node is worth nothing for another", async (_, evidence) => {
    const { ask } = createWorld(mode);

    expect(await ask(evidence, { nodeName: "node-b" })).toEqual({
      kind: "refused",
      code: "permission-denied",
      reason: "the agent is proved to be on node node-a and asks for node node-b",
      subject: "the agent is proved to be on node node-a",
    });
  });

  test("a claimed node's name is compared as it is written", async () => {
    const { ask } = createWorld(mode);

    expect(await ask({ bearerToken: token }, { nodeName: "NODE-A" })).toMatchObject({ code: "permission-denied" });
    expect(await ask({ bearerToken: token }, { nodeName: "node-a " })).toMatchObject({ code: "permission-denied" });
  });

  test("a stranger's token is refused, and not taken for none", async () => {
    const { ask } = createWorld(mode);

    expect(await ask({ bearerToken: "stolen" })).toMatchObject({ kind: "refused", code: "unauthenticated" });
    expect(await ask({ bearerToken: "" })).toMatchObject({ kind: "refused", code: "unauthenticated" });
    expect(await ask({ bearerToken: "stolen", alternativeNames: nodeACertificate })).toMatchObject({
      kind: "refused",
      code: "unauthenticated",
    });
  });

  test("a certificate that names two nodes is refused, whatever the token", async () => {
    const { ask } = createWorld(mode);
    const alternativeNames = [...nodeACertificate, "DNS:node-b.node.kiam"];

    expect(await ask({ alternativeNames })).toMatchObject({ kind: "refused", code: "permission-denied" });
    expect(await ask({ alternativeNames, bearerToken: token })).toMatchObject({
      kind: "refused",
      reason: "the certificate names several nodes",
    });
  });

  test("token and certificate must be of one node", async () => {
    const { ask } = createWorld(mode);

    expect(await ask({ bearerToken: token, alternativeNames: nodeACertificate })).toEqual(provenByCertificate);
    expect(await ask({ bearerToken: token, alternativeNames: ["DNS:node-b.node.kiam"] })).toEqual({
      kind: "refused",
      code: "permission-denied",
      reason: "the certificate is node node-b's, the token node node-a's",
    });
  });

  test("an expired token is refused", async () => {
    const { clock, ask } = createWorld(mode);
    await ask({ bearerToken: token });

    await clock.advance(hourMs);

    expect(await ask({ bearerToken: token })).toEqual({
      kind: "refused",
      code: "unauthenticated",
      reason: "the token has expired",
    });
  });
});

test("a token of a deleted pod is refused, however often it was accepted before", async () => {
  const { clock, pods, ask } = createWorld();
  expect(await ask({ bearerToken: token })).toEqual(provenByToken);

  pods.remove(agentPod.uid);
  const asking = ask({ bearerToken: token });
  await clock.advance(1000);

  expect(await asking).toEqual({ kind: "refused", code: "unauthenticated", reason: "the token's pod is not live" });
});

test("a token of a pod that the watch has not brought yet is waited for", async () => {
  const { clock, pods, ask } = createWorld();
  pods.remove(agentPod.uid);
  const asking = ask({ bearerToken: token });
  await clock.advance(999);
  pods.upsert(aPod({ uid: "other", nodeName: "node-b" }));

  pods.upsert({ ...agentPod, resourceVersion: "101" });

  expect(await asking).toEqual(provenByToken);
  expect(clock.timers).toBe(0);
});

test("a token of a pod that is on no node yet is waited for", async () => {
  const { pods, ask } = createWorld();
  pods.upsert({ ...agentPod, nodeName: "", resourceVersion: "101" });
  const asking = ask({ bearerToken: token });
  await settle();

  pods.upsert({ ...agentPod, resourceVersion: "102" });

  expect(await asking).toEqual(provenByToken);
});

test("a token that was made for another node than its pod is on is refused", async () => {
  const { api, ask } = createWorld();
  api.say(token, { ...good, nodeName: "node-b" });

  expect(await ask({ bearerToken: token })).toEqual({
    kind: "refused",
    code: "permission-denied",
    reason: "the token was made for node node-b, and its pod is on node-a",
  });
});

test("a token that says no node proves its pod's", async () => {
  const { api, ask } = createWorld();
  const { nodeName: _, ...older } = good;
  api.say(token, older);

  expect(await ask({ bearerToken: token })).toEqual(provenByToken);
});

test("a token whose pod is in another namespace than its service account is refused", async () => {
  const { pods, ask } = createWorld();
  pods.upsert({ ...agentPod, namespace: "team", resourceVersion: "101" });

  expect(await ask({ bearerToken: token })).toMatchObject({ kind: "refused", code: "permission-denied" });
});

test("with the API server away a proved agent goes on, also on a new stream, until its token expires or its pod goes", async () => {
  const { clock, pods, api, ask } = createWorld();
  await ask({ bearerToken: token });
  api.say(token, { kind: "unavailable", reason: "connection refused" });

  await clock.advance(hourMs - 1);
  expect(await ask({ bearerToken: token })).toEqual(provenByToken);
  pods.remove(agentPod.uid);
  const asking = ask({ bearerToken: token });
  await clock.advance(1000);

  expect(await asking).toMatchObject({ kind: "refused", code: "unauthenticated" });
});

test("with the API server away an unknown token is told so, and a certificate proves its node alone", async () => {
  const { api, ask } = createWorld("prefer");
  api.say(token, { kind: "unavailable", reason: "connection refused" });

  expect(await ask({ bearerToken: token })).toMatchObject({ kind: "refused", code: "unavailable" });
  expect(await ask({ bearerToken: token, alternativeNames: nodeACertificate })).toEqual(provenByCertificate);
});

test("where proof is required an agent that shows none is refused", async () => {
  const { ask } = createWorld("required");

  const proof = await ask({ alternativeNames: ["DNS:kiam-agent"] }, { nodeName: "node-a", hostIp: "192.168.0.1" });

  expect(proof).toMatchObject({ kind: "refused", code: "unauthenticated" });
});

test.each<[string, Partial<NodeClaim>, string | undefined]>([
  ["for the node that it names", { nodeName: "node-b", hostIp: "192.168.0.1" }, "node-b"],
  ["for the node found by its host's address", { hostIp: "192.168.0.1" }, "node-a"],
  ["for no node where nothing is found", { hostIp: "192.168.0.9" }, undefined],
  ["for no node where it says nothing", {}, undefined],
])("where proof is preferred an agent that shows none is served %s", async (_, claim, nodeName) => {
  const { ask } = createWorld("prefer");

  const proof = await ask({ alternativeNames: ["DNS:kiam-agent"] }, claim);

  expect(proof).toEqual({ kind: "unproven", ...(nodeName === undefined ? {} : { nodeName }) });
});

test("a refusal shows of a caller's text as much as a node's name is long", async () => {
  const { ask } = createWorld();

  const proof = await ask({ bearerToken: token }, { nodeName: "x".repeat(100_000) });

  expect(proof.kind === "refused" && proof.reason.length).toBeLessThan(400);
});

test("who hangs up while its token is reviewed or its pod is waited for is let go", async () => {
  const { clock, pods, api, ask } = createWorld();
  const [first, second] = [new AbortController(), new AbortController()];
  api.hold();
  const reviewing = ask({ bearerToken: token }, {}, first.signal);
  await settle();
  first.abort(new Error("first left"));
  await expect(reviewing).rejects.toThrow("first left");
  api.release();
  await settle();

  pods.remove(agentPod.uid);
  const waiting = ask({ bearerToken: token }, {}, second.signal);
  await settle();
  second.abort(new Error("second left"));

  await expect(waiting).rejects.toThrow("second left");
  expect(clock.timers).toBe(0);
});
