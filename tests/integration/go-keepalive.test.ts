import { expect, test } from "bun:test";
import { createNodeClient } from "../../src/agent/feed/node-client.ts";
import { neverAborted } from "../../src/runtime/abort.ts";
import { createListeners } from "../../src/runtime/listeners.ts";
import { createFakeClock } from "../fakes/clock.ts";
import { anAddress } from "../fakes/pods.ts";
import { createFleet } from "./cluster/fleet.ts";
import { serverName } from "./cluster/pki.ts";

const intervalMs = 1_000;
const address = anAddress("127.1.0.1");
const never = neverAborted();

/** A Go server with its default enforcement of keepalive, and an agent's connection to it. Pings go by the fake clock. */
async function aConnection(options: { readonly pingIdle: boolean }) {
  const fleet = await createFleet();
  fleet.run({ [address]: "reader" });
  const server = await fleet.startGoServer();
  const clock = createFakeClock();
  const tls = fleet.pki.agent();
  const replica = createNodeClient({
    ...options,
    ...{ serverName, port: fleet.port, claim: { nodeName: "node-a", hostIp: "" }, clock, interceptors: [] },
    ...{ connectTimeoutMs: 60_000, pingIntervalMs: intervalMs, pingTimeoutMs: 60_000 },
    tls: () => tls,
    tlsChanges: createListeners(),
    readToken: async () => undefined,
  })(server.address);
  const role = () => replica.go.role(address, never);
  let isSentAway = false;
  const sentAway = replica.sentAway.then(() => {
    isSentAway = true;
  });
  await role();
  return {
    ...{ server, role },
    get isSentAway() {
      return isSentAway;
    },
    /** A ping that is sent at the end of one is answered before the next; none follows when the server has ended it. */
    async passIntervals(count: number) {
      for (let turn = 0; turn < count && !isSentAway; turn += 1) {
        await Promise.race([clock.waiting(intervalMs), sentAway]);
        await clock.advance(intervalMs);
      }
    },
    async [Symbol.asyncDispose]() {
      replica.retire();
      await fleet[Symbol.asyncDispose]();
    },
  };
}

test("idle for many keepalive intervals, and used once in each of many, the connection is never ended for its pings", async () => {
  await using go = await aConnection({ pingIdle: false });

  await go.passIntervals(10);
  for (let turn = 0; turn < 6; turn += 1) {
    await go.role();
    await go.passIntervals(2);
  }
  const answer = await go.role();

  expect(answer).toEqual({ kind: "role", name: "reader" });
  expect(go.server.connectionsMade).toBe(1);
  expect(go.isSentAway).toBe(false);
});

test("with --grpc-keepalive-permit-without-stream the Go server ends it for too many pings, and the next call makes another", async () => {
  await using go = await aConnection({ pingIdle: true });

  await go.passIntervals(10);
  const answer = await go.role();

  expect(go.isSentAway).toBe(true);
  expect(answer).toEqual({ kind: "role", name: "reader" });
  expect(go.server.connectionsMade).toBe(2);
});
