import { expect, test } from "bun:test";
import { Registry } from "prom-client";
import { createLookup } from "../../../../src/agent/credentials/lookup.ts";
import { createAgentMetrics } from "../../../../src/agent/metrics.ts";
import type { NodeUpdate } from "../../../../src/domain/node-pod.ts";
import { neverAborted } from "../../../../src/runtime/abort.ts";
import { settle } from "../../../fakes/clock.ts";
import { aStore } from "../../../fakes/credential-stores.ts";
import { createGoServers } from "../../../fakes/go-servers.ts";
import {
  accessDenied,
  allowed,
  aNodePod,
  aSnapshot,
  failed,
  issued,
  someChanges,
  someCredentials,
} from "../../../fakes/node-pods.ts";
import { anAddress } from "../../../fakes/pods.ts";
import { createServerAnswers } from "../../../fakes/server-answers.ts";

const address = anAddress("10.0.0.1");
const never = neverAborted();
const request = { pod: aNodePod(), address, role: "reader" };

function aLookup(...updates: readonly NodeUpdate[]) {
  const { store, clock } = aStore(...updates);
  const servers = createServerAnswers();
  const goServers = createGoServers();
  const metrics = createAgentMetrics(new Registry());
  const lookup = createLookup({ store, ask: servers.ask, goServers, clock, metrics });
  return { lookup, store, clock, servers, goServers };
}

test("held credentials are handed out without waiting or asking", () => {
  const { lookup, servers } = aLookup(aSnapshot([aNodePod()], [issued()]));

  const held = lookup.heldCredentials(aNodePod(), "reader");

  expect(held).toEqual({ kind: "issued", credentials: someCredentials() });
  expect(servers.questions).toEqual([]);
});

test("a role that is not the pod's is denied in the Go release's words, though credentials are held", () => {
  const { lookup } = aLookup(aSnapshot([aNodePod()], [issued()]));

  const held = lookup.heldCredentials(aNodePod(), "writer");

  expect(held).toEqual({ kind: "denied", explanation: "requested 'writer' but annotated with 'reader', forbidden" });
});

test("a pod that policy denies is told so whatever it asks for", () => {
  const { lookup } = aLookup(aSnapshot([]));
  const pod = aNodePod({ decision: { kind: "denied", explanation: "namespace forbids" } });

  const held = [lookup.heldCredentials(pod, "reader"), lookup.heldCredentials(pod, "writer")];

  expect(held).toEqual([
    { kind: "denied", explanation: "namespace forbids" },
    { kind: "denied", explanation: "namespace forbids" },
  ]);
});

test("a pod without a role has none, whatever it asks for", () => {
  const { lookup } = aLookup(aSnapshot([]));

  const held = lookup.heldCredentials(aNodePod({ annotatedRole: "", decision: { kind: "no-role" } }), "reader");

  expect(held).toEqual({ kind: "no-role" });
});

test("credentials that are not held are asked for, and waited for", async () => {
  const { lookup, servers } = aLookup(aSnapshot([aNodePod()]));

  const finding = lookup.findCredentials(request, never);
  servers.question.answer({ kind: "answer", answer: { pod: aNodePod(), identity: issued() } });

  expect(lookup.heldCredentials(aNodePod(), "reader")).toBeUndefined();
  expect(await finding).toEqual({ kind: "issued", credentials: someCredentials() });
  expect(servers.questions.map(({ options }) => options)).toEqual([{ withCredentials: true }]);
});

test("credentials that the stream brings first are taken, and the question is given up", async () => {
  const { lookup, store, servers } = aLookup(aSnapshot([aNodePod()]));

  const finding = lookup.findCredentials(request, never);
  store.apply(someChanges({ identities: [issued()] }));

  expect(await finding).toEqual({ kind: "issued", credentials: someCredentials() });
  await settle();
  expect(servers.question.signal.aborted).toBe(true);
});

test("a failure that the server answers is told at once, and the next second's requests ask nobody", async () => {
  const { lookup, clock, servers } = aLookup(aSnapshot([aNodePod()]));

  const finding = lookup.findCredentials(request, never);
  servers.question.answer({ kind: "answer", answer: { pod: aNodePod(), identity: failed() } });
  const found = await finding;
  await clock.advance(999);
  const soonAfter = lookup.heldCredentials(aNodePod(), "reader");
  await clock.advance(1);

  expect(found).toEqual({ kind: "failed", failure: accessDenied });
  expect(soonAfter).toEqual({ kind: "failed", failure: accessDenied });
  expect(lookup.heldCredentials(aNodePod(), "reader")).toBeUndefined();
});

test("a failure does not keep back credentials that are still good", () => {
  const { lookup } = aLookup(aSnapshot([aNodePod()], [issued()]), someChanges({ identities: [failed()] }));

  const held = lookup.heldCredentials(aNodePod(), "reader");

  expect(held?.kind).toBe("issued");
});

test("held credentials have expired while the servers are away: they are not served, and the reason is told after 5 s", async () => {
  const { lookup, clock, servers } = aLookup(aSnapshot([aNodePod()], [issued()]));
  await clock.advance(3_600_000);

  const finding = lookup.findCredentials(request, never);
  servers.question.answer({ kind: "unavailable", reason: "connection refused" });
  await clock.advance(5_000);

  expect(await finding).toEqual({ kind: "unavailable", reason: "connection refused" });
});

test("nothing is held and no server can be reached: the pod is told before an SDK gives up", async () => {
  const { lookup, clock, servers } = aLookup(aSnapshot([aNodePod()], [issued()]));
  await clock.advance(3_600_000);

  const finding = lookup.findCredentials(request, never);
  servers.question.answer({ kind: "unreachable", reason: "connection refused" });
  await clock.advance(799);
  const early = await Promise.race([finding, Promise.resolve("waiting")]);
  await clock.advance(1);

  expect(early).toBe("waiting");
  expect(await finding).toEqual({ kind: "unavailable", reason: "connection refused" });
});

test("a server that is back in time still gives the credentials", async () => {
  const { lookup, clock, servers, store } = aLookup(aSnapshot([aNodePod()]));

  const finding = lookup.findCredentials(request, never);
  servers.question.answer({ kind: "unreachable", reason: "connection refused" });
  await clock.advance(700);
  store.apply(someChanges({ identities: [issued()] }));

  expect((await finding).kind).toBe("issued");
});

test("that no server could be reached is told at once where it was long in coming", async () => {
  const { lookup, clock, servers } = aLookup(aSnapshot([aNodePod()]));

  const finding = lookup.findCredentials(request, never);
  await clock.advance(2_000);
  servers.question.answer({ kind: "unreachable", reason: "connection timed out" });

  expect(await finding).toEqual({ kind: "unavailable", reason: "connection timed out" });
});

test("waiting ends after 5 s with the last failure that was heard", async () => {
  const { lookup, clock } = aLookup(aSnapshot([aNodePod()], [failed()]));
  await clock.advance(2_000);

  const finding = lookup.findCredentials(request, never);
  await clock.advance(5_000);

  expect(await finding).toEqual({ kind: "failed", failure: accessDenied });
});

test("a client that hangs up waits no longer, and fails nobody else", async () => {
  const { lookup, servers } = aLookup(aSnapshot([aNodePod()]));
  const client = new AbortController();

  const abandoned = lookup.findCredentials(request, client.signal);
  const waiting = lookup.findCredentials(request, never);
  client.abort(new Error("hung up"));
  await expect(abandoned).rejects.toThrow("hung up");
  servers.question.answer({ kind: "answer", answer: { pod: aNodePod(), identity: issued() } });

  expect((await waiting).kind).toBe("issued");
  expect(servers.questions.length).toBe(1);
});

test("an address reused while a request waits ends the wait, and the new pod's credentials are not given", async () => {
  const { lookup, store } = aLookup(aSnapshot([aNodePod()]));
  const next = aNodePod({ uid: "uid-2" });

  const finding = lookup.findCredentials(request, never);
  store.apply(someChanges({ removed: ["uid-1"], pods: [next], identities: [issued()] }));

  expect(await finding).toEqual({ kind: "moved" });
});

test("a pod deleted while its question is up gets nothing, though the answer has credentials", async () => {
  const { lookup, store, servers } = aLookup(aSnapshot([aNodePod()]));

  const finding = lookup.findCredentials(request, never);
  store.apply(someChanges({ removed: ["uid-1"] }));
  servers.question.answer({ kind: "answer", answer: { pod: aNodePod(), identity: issued() } });

  expect(await finding).toEqual({ kind: "moved" });
});

test("a denial that arrives while a request waits is what it gets", async () => {
  const { lookup, store } = aLookup(aSnapshot([aNodePod()]));

  const finding = lookup.findCredentials(request, never);
  store.apply(someChanges({ pods: [aNodePod({ decision: { kind: "denied", explanation: "forbidden now" } })] }));

  expect(await finding).toEqual({ kind: "denied", explanation: "forbidden now" });
});

test("an answer that denies takes effect, also on what the store thought", async () => {
  const { lookup, servers } = aLookup(aSnapshot([aNodePod()]));
  const denied = aNodePod({ decision: { kind: "denied", explanation: "forbidden now" } });

  const finding = lookup.findCredentials(request, never);
  servers.question.answer({ kind: "answer", answer: { pod: denied } });

  expect(await finding).toEqual({ kind: "denied", explanation: "forbidden now" });
  expect(lookup.heldPod(address)).toEqual(denied);
});

test("an annotation changed while a request waits: credentials of the former role are not given", async () => {
  const { lookup, store, servers } = aLookup(aSnapshot([aNodePod()]));
  const writer = aNodePod({ annotatedRole: "writer", decision: allowed("identity-writer", "writer") });

  const finding = lookup.findCredentials(request, never);
  store.apply(someChanges({ pods: [writer] }));
  servers.question.answer({ kind: "answer", answer: { pod: aNodePod(), identity: issued() } });

  expect(await finding).toEqual({
    kind: "denied",
    explanation: "requested 'reader' but annotated with 'writer', forbidden",
  });
});

test("questions about a pod and about its credentials are different questions", async () => {
  const { lookup, store, servers } = aLookup(aSnapshot([]));

  void lookup.findPod(address, never);
  store.apply(aSnapshot([aNodePod()]));
  void lookup.findCredentials(request, never);
  await settle();

  expect(servers.questions.map(({ options }) => options.withCredentials)).toEqual([false, true]);
});

test("who waits for credentials is sent on when a Go server takes over, and the question is given up", async () => {
  const { lookup, goServers, servers } = aLookup(aSnapshot([aNodePod()]));
  const finding = lookup.findCredentials(request, never);

  goServers.come();

  expect(await finding).toEqual({ kind: "ask-by-address" });
  await settle();
  expect(servers.question.signal.aborted).toBe(true);
});
