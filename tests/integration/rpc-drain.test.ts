import { expect, test } from "bun:test";
import { aborted, clientOf, heartbeat, openStream, serveNodeService } from "../fixtures/rpc.ts";

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
  let stoppedAtMs = 0;
  for (let count = 0; count < clients; count += 1) {
    const client = held.use(
      clientOf(served, {
        onGoAway() {
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
  expect(toldAfterMs.filter((ms) => ms < 50).length).toBeLessThanOrEqual(10);
  expect(toldAfterMs.filter((ms) => ms < 150).length).toBeLessThanOrEqual(30);
});
