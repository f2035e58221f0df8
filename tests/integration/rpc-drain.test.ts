import { expect, test } from "bun:test";
import { aborted, clientOf, heartbeat, oneHeartbeat, openStream, serveNodeService } from "../fixtures/rpc.ts";

const clients = 35;
const graceMs = 5_000;
const drainMs = 2_000;

test("a server that stops sends its clients away a few at a time, and is over when the last has gone", async () => {
  const served = await serveNodeService({
    async *watchNode(_request, { signal }) {
      yield heartbeat;
      await aborted(signal);
    },
  });
  using held = new DisposableStack();
  const toldAfterMs: number[] = [];
  const reasons = new Set<string>();
  let stoppedAtMs = 0;
  for (let count = 0; count < clients; count += 1) {
    const client = held.use(
      clientOf(served, {
        onGoAway(why) {
          reasons.add(why);
          toldAfterMs.push(performance.now() - stoppedAtMs);
          client[Symbol.dispose]();
        },
      }),
    );
    await openStream(client);
  }

  stoppedAtMs = performance.now();
  await served.server.close(graceMs, drainMs);

  expect(toldAfterMs).toHaveLength(clients);
  expect([...reasons]).toEqual(["graceful_stop"]);
  expect(toldAfterMs.filter((ms) => ms < 50).length).toBeLessThanOrEqual(10);
  expect(toldAfterMs.filter((ms) => ms < 150).length).toBeLessThanOrEqual(30);
});

test("a server that sends a client away on account of its connection's age says so", async () => {
  await using served = await serveNodeService(
    { watchNode: oneHeartbeat },
    { limits: { idleMs: 0, ageMs: 1, graceMs: 0 } },
  );
  const told = Promise.withResolvers<string>();
  using called = clientOf(served, { onGoAway: told.resolve });

  await openStream(called);

  expect(await told.promise).toBe("max_age");
});
