import { describe, expect, test } from "bun:test";
import { connect as connectTcp, type Socket } from "node:net";
import { create } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { WatchNodeResponseSchema } from "../../src/rpc/gen/kiam/v1/node_pb.ts";
import type { PeerCertificate } from "../../src/rpc/peer.ts";
import { createFakeClock } from "../fakes/clock.ts";
import {
  agentIdentity,
  answerNamed,
  clientOf,
  failureOf,
  heartbeat,
  serveNodeService,
  type TestClient,
} from "../fixtures/rpc.ts";

const aborted = (signal: AbortSignal): Promise<void> =>
  signal.aborted
    ? Promise.resolve()
    : new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));

/** One heartbeat, then nothing until the end. */
async function* oneHeartbeat(_request: unknown, context: { readonly signal: AbortSignal }) {
  yield heartbeat;
  await aborted(context.signal);
}

/** An open stream: its first message has come. */
async function openStream({ client }: TestClient, signal?: AbortSignal) {
  const stream = client.watchNode({}, signal === undefined ? {} : { signal })[Symbol.asyncIterator]();
  await stream.next();
  return stream;
}

describe("a handler whose client leaves", () => {
  test("hears of it while it waits", async () => {
    const left = Promise.withResolvers<void>();
    await using served = await serveNodeService({
      async *watchNode(_request, context) {
        try {
          yield heartbeat;
          await aborted(context.signal);
        } finally {
          left.resolve();
        }
      },
    });
    using called = clientOf(served);
    const leaving = new AbortController();
    await openStream(called, leaving.signal);

    leaving.abort();

    await left.promise;
    expect(served.broken).toEqual([]);
  });

  for (const way of ["cancels", "is cut off"] as const) {
    test(`is released while it is blocked in a yield that nobody reads, when the client ${way}`, async () => {
      const left = Promise.withResolvers<void>();
      const blocked = Promise.withResolvers<void>();
      await using served = await serveNodeService({
        async *watchNode() {
          // The client's window, which it opens only as it reads, has room for one of these.
          const update = { case: "snapshot" as const, value: { nodeName: "x".repeat(60_000) } };
          try {
            for (let sent = 0; ; sent += 1) {
              if (sent === 1) {
                blocked.resolve();
              }
              yield create(WatchNodeResponseSchema, { update });
            }
          } finally {
            left.resolve();
          }
        },
      });
      const leaving = new AbortController();
      const called = clientOf(served);
      const stream = called.client.watchNode({}, { signal: leaving.signal })[Symbol.asyncIterator]();
      stream.next().catch(() => undefined);
      await blocked.promise;

      if (way === "cancels") {
        leaving.abort();
      } else {
        called[Symbol.dispose]();
      }

      await left.promise;
      called[Symbol.dispose]();
      expect(served.broken).toEqual([]);
    });
  }
});

describe("closing a server", () => {
  test("ends streams in order and lets calls under way finish", async () => {
    const [entered, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const served = await serveNodeService({
      watchNode: oneHeartbeat,
      async lookupPod() {
        entered.resolve();
        await gate.promise;
        return answerNamed("finished");
      },
    });
    using called = clientOf(served);
    const stream = await openStream(called);
    const call = called.client.lookupPod({});
    await entered.promise;

    const closed = served.server.close(60_000);
    const end = await stream.next();
    gate.resolve();

    expect(end.done).toBeTrue();
    expect((await call).pod?.name).toBe("finished");
    await closed;
    expect(Code[(await failureOf(called.client.lookupPod({}))).code]).toBe("Unavailable");
  });

  test("ends calls that wait on their signal with a code that sends the client elsewhere", async () => {
    const entered = Promise.withResolvers<void>();
    const served = await serveNodeService({
      async lookupPod(_request, context) {
        entered.resolve();
        await aborted(context.signal);
        throw context.signal.reason;
      },
    });
    using called = clientOf(served);
    const call = failureOf(called.client.lookupPod({}));
    await entered.promise;

    await served.server.close(60_000);

    const error = await call;
    expect([Code[error.code], error.rawMessage]).toEqual(["Unavailable", "this server is stopping"]);
    expect(served.broken).toEqual([]);
  });

  test("waits neither for a connection that never shakes hands nor for a request that was too large to read", async () => {
    const served = await serveNodeService({ lookupPod: async ({ address }) => answerNamed(address) });
    using called = clientOf(served);
    const silent = await connected(served.server.port);

    const error = await failureOf(called.client.lookupPod({ address: "x".repeat(100_000) }));
    await served.server.close(60_000);

    expect(Code[error.code]).toBe("ResourceExhausted");
    silent.destroy();
  });

  test("takes by force what does not end within the grace", async () => {
    const clock = createFakeClock();
    const served = await serveNodeService(
      {
        async *watchNode() {
          yield heartbeat;
          await new Promise(() => undefined);
        },
      },
      { clock },
    );
    using called = clientOf(served);
    const stream = await openStream(called);
    const end = failureOf(stream.next());

    const closed = served.server.close(1_000);
    await clock.advance(1_000);

    await closed;
    expect(Code[(await end).code]).toBe("Unavailable");
  });
});

describe("a client whose server goes", () => {
  test("finds another connection for the next call, and is told Unavailable, never Canceled, for the one it lost", async () => {
    const served = await serveNodeService({ watchNode: oneHeartbeat, lookupPod: async () => answerNamed("answered") });
    using called = clientOf(served);
    const stream = await openStream(called);
    const end = failureOf(stream.next());

    served.server.closeConnections(() => true);

    expect(Code[(await end).code]).toBe("Unavailable");
    expect((await called.client.lookupPod({})).pod?.name).toBe("answered");
    await served[Symbol.asyncDispose]();
  });

  test("is cut off where its certificate is refused, and others are not", async () => {
    await using served = await serveNodeService({ watchNode: oneHeartbeat });
    using kept = clientOf(served);
    using refused = clientOf(served, { tls: agentIdentity(served.authority, "node-b") });
    const keptStream = await openStream(kept);
    const end = failureOf((await openStream(refused)).next());
    const seen: PeerCertificate[] = [];

    served.server.closeConnections((peer) => {
      seen.push(peer);
      return peer.subjectaltname === "DNS:node-b.node.kiam";
    });

    expect(Code[(await end).code]).toBe("Unavailable");
    expect(seen.every(({ raw }) => raw !== undefined && raw.length > 100)).toBeTrue();
    const keptEnd = keptStream.next();
    await served.server.close(60_000);
    expect((await keptEnd).done).toBeTrue();
  });

  test("ends its own calls with Canceled only where it aborted them itself", async () => {
    await using served = await serveNodeService({ watchNode: oneHeartbeat });
    using called = clientOf(served);
    const leaving = new AbortController();
    const [own, disposed] = [await openStream(called, leaving.signal), await openStream(called)];

    const ownEnd = failureOf(own.next());
    leaving.abort();
    const ended = await ownEnd;
    const disposedEnd = failureOf(disposed.next());
    called[Symbol.dispose]();

    expect(Code[ended.code]).toBe("Canceled");
    expect(Code[(await disposedEnd).code]).toBe("Unavailable");
  });
});

test("a handler that breaks is heard of, tells the client nothing, and the server serves on", async () => {
  let isBroken = true;
  await using served = await serveNodeService({
    async lookupPod() {
      if (isBroken) {
        isBroken = false;
        throw new Error("secret detail");
      }
      return answerNamed("served on");
    },
    async *watchNode() {
      yield heartbeat;
      throw new Error("secret of a stream");
    },
  });
  using called = clientOf(served);

  const error = await failureOf(called.client.lookupPod({}));
  const streamError = await failureOf((await openStream(called)).next());

  expect([Code[error.code], error.rawMessage]).toEqual(["Internal", "internal error"]);
  expect(Code[streamError.code]).toBe("Internal");
  expect(served.broken.map(String)).toEqual(["Error: secret detail", "Error: secret of a stream"]);
  expect((await called.client.lookupPod({})).pod?.name).toBe("served on");
});

async function connected(port: number): Promise<Socket> {
  const socket = connectTcp(port, "127.0.0.1");
  socket.on("error", () => undefined);
  await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
  return socket;
}
