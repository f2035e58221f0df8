import { describe, expect, test } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { WatchNodeResponseSchema } from "../../src/rpc/gen/kiam/v1/node_pb.ts";
import type { PeerCertificate } from "../../src/rpc/peer.ts";
import {
  aborted,
  agentIdentity,
  answerNamed,
  clientOf,
  failureOf,
  heartbeat,
  oneHeartbeat,
  openStream,
  serveNodeService,
} from "../fixtures/rpc.ts";

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

  test("every other connection is looked at, though some are on their way out at that moment", async () => {
    await using served = await serveNodeService({ watchNode: oneHeartbeat });
    const seen: unknown[] = [];

    for (let round = 0; round < 10; round += 1) {
      using leaving = clientOf(served);
      await openStream(leaving);
      leaving[Symbol.dispose]();
      for (let turn = 0; turn < 20; turn += 1) {
        served.server.closeConnections((peer) => seen.push(peer) === 0);
        await new Promise((resolve) => setImmediate(resolve));
      }
    }

    expect(seen.filter((peer) => peer === null || peer === undefined)).toEqual([]);
  });

  test("is not brought down by a stream that it began and never read", async () => {
    const entered = Promise.withResolvers<void>();
    const served = await serveNodeService({
      async *watchNode() {
        entered.resolve();
        yield* [];
        await new Promise(() => undefined);
      },
    });
    using called = clientOf(served);

    called.client.watchNode({});
    await entered.promise;
    await served.server.close(0);

    expect(Code[(await failureOf(called.client.lookupPod({}))).code]).toBe("Unavailable");
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
