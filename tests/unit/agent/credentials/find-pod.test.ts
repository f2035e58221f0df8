import { expect, test } from "bun:test";
import { Registry } from "prom-client";
import { createLookup } from "../../../../src/agent/credentials/lookup.ts";
import { createAgentMetrics } from "../../../../src/agent/metrics.ts";
import type { NodeUpdate } from "../../../../src/domain/node-pod.ts";
import { neverAborted } from "../../../../src/runtime/abort.ts";
import { settle } from "../../../fakes/clock.ts";
import { aStore } from "../../../fakes/credential-stores.ts";
import { createGoServers } from "../../../fakes/go-servers.ts";
import { aNodePod, aSnapshot, someChanges } from "../../../fakes/node-pods.ts";
import { anAddress } from "../../../fakes/pods.ts";
import { createServerAnswers } from "../../../fakes/server-answers.ts";

const address = anAddress("10.0.0.1");
const never = neverAborted();

function aLookup(...updates: readonly NodeUpdate[]) {
  const { store, clock } = aStore(...updates);
  const servers = createServerAnswers();
  const goServers = createGoServers();
  const metrics = createAgentMetrics(new Registry());
  const lookup = createLookup({ store, ask: servers.ask, goServers, clock, metrics });
  return { lookup, store, clock, servers, goServers };
}

test("a pod in the store is found without a question", async () => {
  const { lookup, servers } = aLookup(aSnapshot([aNodePod()]));

  const held = lookup.heldPod(address);
  const found = await lookup.findPod(address, never);

  expect(held).toEqual(aNodePod());
  expect(found).toEqual({ kind: "found", pod: aNodePod() });
  expect(servers.questions).toEqual([]);
});

test("an unknown address is asked about once, without waiting for credentials, and the answer is kept", async () => {
  const { lookup, servers } = aLookup(aSnapshot([]));

  const finding = lookup.findPod(address, never);
  servers.question.answer({ kind: "answer", answer: { pod: aNodePod() } });

  expect(await finding).toEqual({ kind: "found", pod: aNodePod() });
  expect(servers.questions.map(({ options }) => options)).toEqual([{ withCredentials: false }]);
  expect(lookup.heldPod(address)).toEqual(aNodePod());
});

test("the stream is faster than the answer: it wins and the question is given up", async () => {
  const { lookup, store, servers } = aLookup(aSnapshot([]));

  const finding = lookup.findPod(address, never);
  store.apply(someChanges({ pods: [aNodePod()] }));

  expect(await finding).toEqual({ kind: "found", pod: aNodePod() });
  await settle();
  expect(servers.question.signal.aborted).toBe(true);
});

test("a hundred requests of one address make one question", async () => {
  const { lookup, servers } = aLookup(aSnapshot([]));

  const findings = Array.from({ length: 100 }, () => lookup.findPod(address, never));
  servers.question.answer({ kind: "answer", answer: { pod: aNodePod() } });

  expect(new Set((await Promise.all(findings)).map(({ kind }) => kind))).toEqual(new Set(["found"]));
  expect(servers.questions.length).toBe(1);
});

test("a caller that hangs up fails nobody else; the last one ends the question", async () => {
  const { lookup, servers } = aLookup(aSnapshot([]));
  const [impatient, patient] = [new AbortController(), new AbortController()];
  const abandoned = lookup.findPod(address, impatient.signal);
  const waiting = lookup.findPod(address, patient.signal);

  impatient.abort(new Error("first gone"));
  await expect(abandoned).rejects.toThrow("first gone");
  const isStillAsked = !servers.question.signal.aborted;
  patient.abort(new Error("second gone"));

  await expect(waiting).rejects.toThrow("second gone");
  expect(isStillAsked).toBe(true);
  expect(servers.question.signal.aborted).toBe(true);
});

test("nobody knows the address: that is said after 800 ms, having asked once", async () => {
  const { lookup, clock, servers } = aLookup(aSnapshot([]));
  const finding = lookup.findPod(address, never);
  servers.question.answer({ kind: "not-found" });
  let found: unknown;
  void finding.then((result) => {
    found = result;
  });

  await clock.advance(799);
  const early = found;
  await clock.advance(1);

  expect(early).toBeUndefined();
  expect(await finding).toEqual({ kind: "unknown" });
  expect(servers.questions.length).toBe(1);
});

test("a pod that the server did not know yet is found when the stream brings it", async () => {
  const { lookup, store, clock, servers } = aLookup(aSnapshot([]));
  const finding = lookup.findPod(address, never);
  servers.question.answer({ kind: "not-found" });

  await clock.advance(700);
  store.apply(someChanges({ pods: [aNodePod()] }));

  expect(await finding).toEqual({ kind: "found", pod: aNodePod() });
});

test("no server answers: the reason is told after 800 ms", async () => {
  const { lookup, clock, servers } = aLookup(aSnapshot([]));
  const finding = lookup.findPod(address, never);
  servers.question.answer({ kind: "unavailable", reason: "connection refused" });

  await clock.advance(800);

  expect(await finding).toEqual({ kind: "unavailable", reason: "connection refused" });
});

test("asking that throws is a server that is not available", async () => {
  const { lookup, clock, servers } = aLookup(aSnapshot([]));
  const finding = lookup.findPod(address, never);
  servers.question.fail(new Error("unexpected"));

  await clock.advance(800);

  expect(await finding).toEqual({ kind: "unavailable", reason: "unexpected" });
});

test("before the first snapshot nothing is asked, and the agent says that it is not in sync", async () => {
  const { lookup, clock, servers } = aLookup();
  const finding = lookup.findPod(address, never);

  await clock.advance(800);

  expect((await finding).kind).toBe("unavailable");
  expect(servers.questions).toEqual([]);
});

test("a first snapshot without the pod makes a waiting request ask", async () => {
  const { lookup, store, servers } = aLookup();
  const finding = lookup.findPod(address, never);

  store.apply(aSnapshot([]));
  servers.question.answer({ kind: "answer", answer: { pod: aNodePod() } });

  expect((await finding).kind).toBe("found");
});

test("a doubt about who has the address is told at once", async () => {
  const { lookup, servers } = aLookup(aSnapshot([aNodePod({ uid: "uid-a" }), aNodePod({ uid: "uid-b" })]));

  const found = await lookup.findPod(address, never);

  expect(lookup.heldPod(address)).toBeUndefined();
  expect(found).toEqual({ kind: "doubt" });
  expect(servers.questions).toEqual([]);
});

test("an answer with a pod that does not have the address is not believed", async () => {
  const { lookup, clock, servers } = aLookup(aSnapshot([]));
  const finding = lookup.findPod(address, never);
  servers.question.answer({ kind: "answer", answer: { pod: aNodePod({ addresses: ["10.0.0.2"] }) } });

  await clock.advance(800);

  expect((await finding).kind).toBe("unavailable");
  expect(lookup.heldPod(anAddress("10.0.0.2"))).toBeUndefined();
});

test("a pod deleted while its question is up is not found", async () => {
  const { lookup, store, clock, servers } = aLookup(aSnapshot([]));
  const finding = lookup.findPod(address, never);
  store.apply(someChanges({ removed: ["uid-1"] }));
  servers.question.answer({ kind: "answer", answer: { pod: aNodePod() } });

  await clock.advance(800);

  expect(await finding).toEqual({ kind: "unknown" });
});

test("whoever comes after the question ended asks again", async () => {
  const { lookup, clock, servers } = aLookup(aSnapshot([]));
  const first = lookup.findPod(address, never);
  await clock.advance(800);
  await first;

  void lookup.findPod(address, never);
  await settle();

  expect(servers.questions.length).toBe(2);
});

test("while a Go server serves only that can tell, whatever the store holds", async () => {
  const { lookup, goServers, servers, store } = aLookup(aSnapshot([aNodePod()]));
  using _aside = store.setAside();
  goServers.come();

  const found = await lookup.findPod(address, never);

  expect(lookup.heldPod(address)).toBeUndefined();
  expect(found).toEqual({ kind: "ask-by-address" });
  expect(servers.questions).toEqual([]);
});

test("who waits since before any server was there is sent on when a Go server comes", async () => {
  const { lookup, goServers, clock } = aLookup();
  const finding = lookup.findPod(address, never);
  await clock.advance(799);

  goServers.come();

  expect(await finding).toEqual({ kind: "ask-by-address" });
  expect(clock.timers).toBe(0);
});
