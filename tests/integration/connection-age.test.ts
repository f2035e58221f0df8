import { describe, expect, test } from "bun:test";
import { waitFor } from "../e2e/lab/wait.ts";
import { createFakeClock } from "../fakes/clock.ts";
import { connectRawHttp2, type RawHttp2 } from "../fixtures/raw-http2.ts";
import { agentIdentity, serveNodeService, times } from "../fixtures/rpc.ts";
import type { TestAgent } from "./cluster/agent.ts";
import { createCluster } from "./cluster/cluster.ts";
import { keepAsking } from "./cluster/keep-asking.ts";
import { credentialsOf, podAt } from "./cluster/pod-client.ts";
import { aPodWithRole } from "./cluster/world.ts";

const anyStream = 2 ** 31 - 1;

/** Less than until the first ping, which a raw client does not answer. */
const ageMs = 4_000;

/** A server whose connections live for some seconds, and a client that does only what the test says. */
async function aRawConnection() {
  const clock = createFakeClock();
  const served = await serveNodeService({}, { clock, limits: { idleMs: 0, ageMs, graceMs: ageMs } });
  const connect = () => connectRawHttp2(served.server.port, agentIdentity(served.authority));
  const raw = await connect();
  return {
    clock,
    raw,
    /** Whether somebody else is let in now. */
    isOpen: () =>
      connect().then(
        (late) => {
          late[Symbol.dispose]();
          return true;
        },
        () => false,
      ),
    server: served.server,
    async [Symbol.asyncDispose]() {
      raw[Symbol.dispose]();
      await served[Symbol.asyncDispose]();
    },
  };
}

const answered = (raw: RawHttp2) => raw.seen.filter(({ type }) => type === "HEADERS").map(({ stream }) => stream);
const named = (raw: RawHttp2) => raw.seen.flatMap(({ lastStream }) => (lastStream === undefined ? [] : [lastStream]));

describe("an old connection", () => {
  test("takes the calls that cross the notice on the way, then names the last and closes", async () => {
    await using connection = await aRawConnection();
    const { raw, clock } = connection;
    raw.request();
    await waitFor("an answer", () => answered(raw).length === 1 || undefined);

    await clock.advance(ageMs);
    await waitFor("the first notice", () => named(raw).length === 1 || undefined);
    raw.request();
    await waitFor("another answer", () => answered(raw).length === 2 || undefined);
    raw.pong();
    await raw.ended;

    expect(answered(raw)).toEqual([1, 3]);
    expect(named(raw)).toEqual([anyStream, 3]);
  });

  test("is cut when its client does not close it too", async () => {
    await using connection = await aRawConnection();
    const { raw, clock, server, isOpen } = connection;
    raw.request();
    await waitFor("an answer", () => answered(raw).length === 1 || undefined);
    await clock.advance(ageMs);
    await waitFor("the notice", () => named(raw).length === 1 || undefined);
    raw.pong();
    await raw.ended;

    let isClosed = false;
    const closed = server.close(60_000).then(() => {
      isClosed = true;
    });
    await waitFor("the listener's end", async () => !(await isOpen()) || undefined);
    const before = isClosed;
    await clock.advance(times.pingTimeoutMs);
    await closed;

    expect(before).toBeFalse();
  });

  test("that its client does not close keeps no server from its end for longer than the server's grace", async () => {
    await using connection = await aRawConnection();
    const { raw, clock, server } = connection;
    raw.request();
    await waitFor("an answer", () => answered(raw).length === 1 || undefined);

    let isClosed = false;
    const closed = server.close(times.pingTimeoutMs / 2).then(() => {
      isClosed = true;
    });
    await waitFor("the notice", () => named(raw).length > 0 || undefined);
    raw.pong();
    await raw.ended;
    const before = isClosed;
    await clock.advance(times.pingTimeoutMs / 2);
    await closed;

    expect(before).toBeFalse();
  });

  test("is cut after the grace, though its client has not heard of it", async () => {
    await using connection = await aRawConnection();
    const { raw, clock } = connection;
    raw.request();
    await waitFor("an answer", () => answered(raw).length === 1 || undefined);

    await clock.advance(ageMs);
    raw.ping(1);
    await waitFor("the ping's answer", () => raw.pongs === 1 || undefined);
    const isOpen = await Promise.race([raw.ended.then(() => false), Promise.resolve(true)]);
    await clock.advance(ageMs);

    await raw.ended;
    expect([isOpen, named(raw)[0]]).toEqual([true, anyStream]);
  });
});

/** More in an hour than grpc-go's shortest interval allows; Bun cuts off who floods it with a thousand at once. */
const pingsAtOnce = 400;

test("a client that pings without a pause and without a call is answered, and not sent away", async () => {
  await using connection = await aRawConnection();
  const { raw } = connection;

  raw.ping(pingsAtOnce);
  await waitFor("the answers", () => raw.pongs === pingsAtOnce || undefined);
  raw.request();
  await waitFor("an answer", () => answered(raw).length === 1 || undefined);

  expect(named(raw)).toEqual([]);
});

describe("an agent whose servers' connections are old after a second", () => {
  test("is without a stream at no time, and hears of each change within a second", async () => {
    await using cluster = await createCluster(2, { limits: { idleMs: 0, ageMs: 1_000, graceMs: 60_000 } });
    cluster.world.put(aPodWithRole("reader", "127.1.0.1"));
    await using agent = await cluster.startAgent();
    const streams = () => agent.metric("kiam_agent_feed_streams_total");
    const reading = keepAsking(() => podAt("127.1.0.1", agent).credentials("reader"));
    const looking = keepAsking(() => unsynced(agent));
    const tookMs: number[] = [];

    for (let pod = 1; (await streams()) < 5; pod += 1) {
      const address = `127.1.${1 + Math.floor(pod / 250)}.${1 + (pod % 250)}`;
      const startMs = performance.now();
      cluster.world.put(aPodWithRole("writer", address));
      await waitFor(
        "the pod",
        credentialsOf(() => podAt(address, agent).credentials("writer")),
      );
      tookMs.push(performance.now() - startMs);
    }

    const reads = await reading();
    expect(reads.filter(({ status }) => status !== 200)).toEqual([]);
    expect(new Set(reads.map(cluster.roleOf))).toEqual(new Set(["reader"]));
    expect((await looking()).filter(Boolean)).toEqual([]);
    expect(Math.max(...tookMs)).toBeLessThan(1_000);
    expect([reads.length > 100, tookMs.length > 20]).toEqual([true, true]);
  }, 60_000);

  test("leaves a server that stops for another without being without a stream", async () => {
    await using cluster = await createCluster(2);
    cluster.world.put(aPodWithRole("reader", "127.1.0.1"));
    cluster.named = ({ address }) => address === "127.0.0.1";
    await using agent = await cluster.startAgent();
    cluster.named = () => true;
    const looking = keepAsking(() => unsynced(agent));

    await cluster.replicas[0]?.stop();
    await waitFor(
      "the other's stream",
      async () => (await agent.metric("kiam_agent_feed_streams_total")) > 1 || undefined,
    );

    expect((await looking()).filter(Boolean)).toEqual([]);
    expect((await podAt("127.1.0.1", agent).credentials("reader")).status).toBe(200);
  });
});

/** Whether no stream is open just now. */
async function unsynced(agent: TestAgent): Promise<boolean> {
  const connected = await agent.metric("kiam_agent_feed_connected");
  await Bun.sleep(0); // Others' turn.
  return connected !== 1;
}
