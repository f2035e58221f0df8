import { describe, expect, test } from "bun:test";
import { connect as connectTcp, type Socket } from "node:net";
import { Code } from "@connectrpc/connect";
import { createFakeClock } from "../fakes/clock.ts";
import {
  aborted,
  answerNamed,
  clientOf,
  failureOf,
  heartbeat,
  oneHeartbeat,
  openStream,
  serveNodeService,
} from "../fixtures/rpc.ts";

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

  test("by force ends calls that are still unanswered", async () => {
    const clock = createFakeClock();
    const entered = Promise.withResolvers<void>();
    const served = await serveNodeService(
      {
        async lookupPod() {
          entered.resolve();
          return new Promise(() => undefined);
        },
      },
      { clock },
    );
    using called = clientOf(served);
    const call = failureOf(called.client.lookupPod({}));
    await entered.promise;

    const closed = served.server.close(1_000);
    await clock.advance(1_000);

    await closed;
    expect(Code[(await call).code]).toBe("Unavailable");
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

async function connected(port: number): Promise<Socket> {
  const socket = connectTcp(port, "127.0.0.1");
  socket.on("error", () => undefined);
  await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
  return socket;
}
