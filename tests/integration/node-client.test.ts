import { expect, test } from "bun:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { createNodeClient, type NodeClientOptions } from "../../src/agent/feed/node-client.ts";
import { ReplicaError } from "../../src/agent/feed/replica.ts";
import type { NodeUpdate } from "../../src/domain/node-pod.ts";
import { toLookupPodResponse, toWatchNodeResponse } from "../../src/rpc/convert.ts";
import { neverAborted } from "../../src/runtime/abort.ts";
import { systemClock } from "../../src/runtime/clock.ts";
import { createListeners } from "../../src/runtime/listeners.ts";
import { aNodePod, aSnapshot, issued } from "../fakes/node-pods.ts";
import { anAddress } from "../fakes/pods.ts";
import {
  aborted,
  agentIdentity,
  serveNodeService,
  type TestHandlers,
  type TestServer,
  times,
} from "../fixtures/rpc.ts";

const address = anAddress("10.0.0.1");
const never = neverAborted();
const options = { withCredentials: true };

function aReplica({ server, authority }: TestServer, overrides: Partial<NodeClientOptions> = {}) {
  const tls = agentIdentity(authority);
  const open = createNodeClient({
    ...times,
    pingIdle: false,
    serverName: "localhost",
    port: server.port,
    claim: { nodeName: "node-a", hostIp: "192.168.0.1" },
    tls: () => tls,
    tlsChanges: createListeners(),
    readToken: async () => undefined,
    interceptors: [],
    clock: systemClock,
    ...overrides,
  });
  return open("127.0.0.1");
}

function refusing(code: Code): TestHandlers {
  return {
    // biome-ignore lint/correctness/useYield: a stream that is refused yields nothing.
    async *watchNode() {
      throw new ConnectError("because", code);
    },
    async lookupPod() {
      throw new ConnectError("because", code);
    },
  };
}

async function failureOf(updates: AsyncIterable<NodeUpdate>): Promise<unknown> {
  try {
    for await (const _ of updates) {
      // Only its end matters.
    }
    return undefined;
  } catch (error) {
    return error;
  }
}

test("the stream's updates come as the domain knows them, for the node that was claimed, proved by the token", async () => {
  const seen: unknown[] = [];
  const token = `e30.${Buffer.from(JSON.stringify({ exp: 1_800_000_000 })).toString("base64url")}.s`;
  const snapshot = aSnapshot([aNodePod()], [issued()]);
  await using served = await serveNodeService({
    async *watchNode({ claim }, context) {
      seen.push(claim?.nodeName, claim?.hostIp, context.requestHeader.get("authorization"));
      yield toWatchNodeResponse(snapshot);
      await aborted(context.signal);
    },
  });
  const leaving = new AbortController();
  const replica = aReplica(served, { readToken: async () => `${token}\n` });

  const { updates, provedUntilMs } = await replica.watch(leaving.signal);
  const first = await updates[Symbol.asyncIterator]().next();
  leaving.abort(new Error("test over"));
  replica.retire();

  expect(first.value).toEqual(snapshot);
  expect(seen).toEqual(["node-a", "192.168.0.1", `Bearer ${token}`]);
  expect(provedUntilMs).toBe(1_800_000_000_000);
});

test("a question is answered with pod and credentials; the token is read anew for each", async () => {
  const tokens: (string | null)[] = [];
  await using served = await serveNodeService({
    async lookupPod(request, context) {
      tokens.push(context.requestHeader.get("authorization"));
      expect([request.address, request.withCredentials]).toEqual([address, true]);
      return toLookupPodResponse({ pod: aNodePod(), identity: issued() });
    },
  });
  let read = 0;
  const replica = aReplica(served, {
    readToken: async () => {
      read += 1;
      return `token-${read}`;
    },
  });

  const answers = [await replica.ask(address, options, never), await replica.ask(address, options, never)];
  replica.retire();

  expect(answers[0]).toEqual({ kind: "answer", answer: { pod: aNodePod(), identity: issued() } });
  expect(tokens).toEqual(["Bearer token-1", "Bearer token-2"]);
});

test.each([
  [Code.NotFound, "not-found", "broken"],
  [Code.Unauthenticated, "unavailable", "unauthenticated"],
  [Code.PermissionDenied, "unavailable", "wrong-node"],
  [Code.Unavailable, "lost", "unreachable"],
] as const)("a server's code %p makes a question %s and a stream %s", async (code, kind, failure) => {
  await using served = await serveNodeService(refusing(code));
  const replica = aReplica(served);

  const answer = await replica.ask(address, options, never);
  const { updates } = await replica.watch(never);
  const error = await failureOf(updates);
  replica.retire();

  expect(answer.kind).toBe(kind);
  expect(error).toBeInstanceOf(ReplicaError);
  expect((error as ReplicaError).failure).toBe(failure);
});

test("an older server without the service is told as one", async () => {
  await using served = await serveNodeService({});
  const replica = aReplica(served);

  const { updates } = await replica.watch(never);
  const error = await failureOf(updates);
  replica.retire();

  expect((error as ReplicaError).failure).toBe("no-node-service");
});

test("a replica that dies mid-stream is a lost connection, not this agent's own doing", async () => {
  const served = await serveNodeService({
    async *watchNode() {
      yield toWatchNodeResponse(aSnapshot([]));
      await new Promise(() => undefined);
    },
  });
  const replica = aReplica(served);
  const { updates } = await replica.watch(never);
  const reader = updates[Symbol.asyncIterator]();
  await reader.next();

  const next = reader.next();
  await served[Symbol.asyncDispose]();

  await expect(next).rejects.toThrow("no connection to server 127.0.0.1");
  replica.retire();
});

test("nobody listening is a lost connection", async () => {
  const served = await serveNodeService({});
  await served[Symbol.asyncDispose]();
  const replica = aReplica(served);

  const answer = await replica.ask(address, options, never);

  expect(answer.kind).toBe("lost");
});

test("no usable certificate, or no readable token, is a reason and not a crash", async () => {
  await using served = await serveNodeService({});

  const withoutToken = aReplica(served, { readToken: async () => Promise.reject(new Error("ENOENT /var/run/token")) });
  const answer = await withoutToken.ask(address, options, never);
  withoutToken.retire();

  expect(() => aReplica(served, { tls: () => undefined })).toThrow("there is no usable certificate");
  expect(answer).toEqual({
    kind: "unavailable",
    reason: "the identity token can't be read: ENOENT /var/run/token",
  });
});

test("a retired replica finishes the question it was asked, then closes", async () => {
  const gate = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  await using served = await serveNodeService({
    async lookupPod() {
      asked.resolve();
      await gate.promise;
      return toLookupPodResponse({ pod: aNodePod() });
    },
  });
  const replica = aReplica(served);

  const asking = replica.ask(address, { withCredentials: false }, never);
  await asked.promise;
  replica.retire();
  gate.resolve();

  expect((await asking).kind).toBe("answer");
});

test("a caller that hangs up ends its question at the server", async () => {
  const asked = Promise.withResolvers<AbortSignal>();
  await using served = await serveNodeService({
    async lookupPod(_, context) {
      asked.resolve(context.signal);
      await aborted(context.signal);
      throw new ConnectError("gone", Code.Canceled);
    },
  });
  const replica = aReplica(served);
  const caller = new AbortController();

  const asking = replica.ask(address, options, caller.signal);
  const signal = await asked.promise;
  caller.abort(new Error("hung up"));

  await expect(asking).rejects.toThrow("hung up");
  await aborted(signal);
  replica.retire();
});
