import { describe, expect, test } from "bun:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { framesKey } from "../../src/rpc/frames.ts";
import { WatchNodeResponseSchema } from "../../src/rpc/gen/kiam/v1/node_pb.ts";
import { neverAborted } from "../../src/runtime/abort.ts";
import { clientOf, failureOf, serveNodeService, type TestHandlers } from "../fixtures/rpc.ts";

const named = (nodeName: string) =>
  toBinary(
    WatchNodeResponseSchema,
    create(WatchNodeResponseSchema, { update: { case: "snapshot", value: { nodeName } } }),
  );

/** More than the window of a client that does not read. */
const large = "x".repeat(200_000);

type WatchNode = NonNullable<TestHandlers["watchNode"]>;

/** A handler that yields nothing. */
function writing(write: (...call: Parameters<WatchNode>) => Promise<void>): WatchNode {
  return async function* (...call) {
    await write(...call);
    yield* [];
  };
}

describe("a stream that is written past the library", () => {
  test("brings each message as it was written, large ones too, and ends in order", async () => {
    const watchNode = writing(async (_request, { values, signal }) => {
      for (const name of ["first", large, "last"]) {
        await values.get(framesKey)?.write(named(name), signal);
      }
    });
    await using served = await serveNodeService({ watchNode });
    using called = clientOf(served);

    const names: (string | undefined)[] = [];
    for await (const { update } of called.client.watchNode({})) {
      names.push(update.case === "snapshot" ? update.value.nodeName : undefined);
    }

    expect(names).toEqual(["first", large, "last"]);
    expect(served.broken).toEqual([]);
  });

  for (const after of [0, 1]) {
    test(`ends with the error that its handler throws after ${after} messages`, async () => {
      const watchNode = writing(async (_request, { values, signal }) => {
        for (let turn = 0; turn < after; turn += 1) {
          await values.get(framesKey)?.write(named("first"), signal);
        }
        throw new ConnectError("the proof has ended", Code.Unauthenticated);
      });
      await using served = await serveNodeService({ watchNode });
      using called = clientOf(served);
      const stream = called.client.watchNode({})[Symbol.asyncIterator]();

      for (let turn = 0; turn < after; turn += 1) {
        await stream.next();
      }
      const error = await failureOf(stream.next());

      expect([Code[error.code], error.rawMessage]).toEqual(["Unauthenticated", "the proof has ended"]);
      expect(served.broken).toEqual([]);
    });
  }

  test("is given up when its time is over while its client does not read", async () => {
    const over = new AbortController();
    const blocked = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    const watchNode = writing(async (_request, { values }) => {
      const frames = values.get(framesKey);
      await frames?.write(named("first"), neverAborted());
      const writes = frames?.write(named(large), over.signal);
      blocked.resolve();
      await writes;
      ended.resolve();
    });
    await using served = await serveNodeService({ watchNode });
    using called = clientOf(served);
    const stream = called.client.watchNode({})[Symbol.asyncIterator]();
    await stream.next();
    await blocked.promise;

    over.abort();

    await ended.promise;
    expect(served.broken).toEqual([]);
  });
});
