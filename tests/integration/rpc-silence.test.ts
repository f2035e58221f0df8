import { describe, expect, test } from "bun:test";
import { connect as connectTcp, createServer, type Socket } from "node:net";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { Code, createClient } from "@connectrpc/connect";
import { NodeService } from "../../src/rpc/gen/kiam/v1/node_pb.ts";
import { strictTls } from "../../src/rpc/tls-options.ts";
import { createFakeClock } from "../fakes/clock.ts";
import {
  agentIdentity,
  answerNamed,
  clientOf,
  connectTo,
  failureOf,
  serveNodeService,
  serverIdentity,
  times,
} from "../fixtures/rpc.ts";
import { createTestAuthority } from "../fixtures/tls.ts";

describe("a peer that falls silent", () => {
  test("is cut by the server when it answers no ping, and one that answers is kept", async () => {
    const clock = createFakeClock();
    await using served = await serveNodeService({ lookupPod: async ({ address }) => answerNamed(address) }, { clock });
    using answering = clientOf(served);
    await answering.client.lookupPod({});
    const silent = connectTls({
      ...strictTls(agentIdentity(served.authority)),
      host: "127.0.0.1",
      port: served.server.port,
      servername: "localhost",
      ALPNProtocols: ["h2"],
    });
    const cut = new Promise<void>((resolve) => silent.once("close", () => resolve()));
    silent.on("error", () => undefined);
    silent.write(Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", "latin1"));
    await new Promise((resolve) => silent.once("data", resolve));

    await clock.advance(times.pingIntervalMs);
    // The answering client's pong: until it has come, its own time would run out as well.
    await answering.client.lookupPod({});
    await clock.advance(times.pingTimeoutMs);

    await cut;
    expect((await answering.client.lookupPod({ address: "10.0.0.1" })).pod?.name).toBe("10.0.0.1");
  });

  test("before its handshake keeps nobody out, however many there are of it", async () => {
    await using served = await serveNodeService({ lookupPod: async ({ address }) => answerNamed(address) });
    const silent = Array.from({ length: 300 }, () => connectTcp(served.server.port, "127.0.0.1"));
    const closed = new Set<Socket>();
    const surplus = Promise.withResolvers<void>();
    for (const socket of silent) {
      socket.on("error", () => undefined);
      socket.once("close", () => {
        closed.add(socket);
        if (closed.size === 300 - 256) {
          surplus.resolve();
        }
      });
    }

    await surplus.promise;
    using client = clientOf(served);
    const answer = await client.client.lookupPod({ address: "10.0.0.1" });
    for (const socket of silent) {
      socket.destroy();
    }

    expect(answer.pod?.name).toBe("10.0.0.1");
  });

  test("after its handshake is kept, however many there are of it", async () => {
    await using served = await serveNodeService({ lookupPod: async ({ address }) => answerNamed(address) });
    const tls = strictTls(agentIdentity(served.authority));
    const place = { host: "127.0.0.1", port: served.server.port, servername: "localhost", ALPNProtocols: ["h2"] };
    let closed = 0;

    const handshake = async (): Promise<Socket> => {
      const socket = connectTls({ ...tls, ...place });
      socket.on("error", () => undefined);
      socket.once("close", () => {
        closed += 1;
      });
      await new Promise((resolve) => socket.once("data", resolve)); // The server's settings: its side is done too.
      return socket;
    };

    const first = await Promise.all(Array.from({ length: 130 }, handshake));
    const second = await Promise.all(Array.from({ length: 130 }, handshake));
    using client = clientOf(served);
    await client.client.lookupPod({});
    const closedWhileServing = closed;
    for (const socket of [...first, ...second]) {
      socket.destroy();
    }

    expect(closedWhileServing).toBe(0);
  });

  for (const pingIdle of [true, false]) {
    test(`is given up by the client that waits for its answer, ${pingIdle ? "with" : "without"} pings of idle connections`, async () => {
      const clock = createFakeClock();
      const authority = createTestAuthority();
      const pinged = Promise.withResolvers<void>();
      const asked = Promise.withResolvers<void>();
      using silent = await serveSilence(authority, (bytes) => {
        asked.resolve();
        if (bytes.includes(pingFrame)) {
          pinged.resolve();
        }
      });
      using connection = connectTo(silent.port, agentIdentity(authority), { clock, pingIdle });

      const call = failureOf(createClient(NodeService, connection.transport).lookupPod({}));
      await asked.promise;
      await clock.waiting(times.pingIntervalMs);
      await clock.advance(times.pingIntervalMs);
      await pinged.promise;
      await clock.advance(times.pingTimeoutMs);

      const error = await call;
      expect(Code[error.code]).toBe("Unavailable");
      expect(error.rawMessage).toContain("no answer to a ping in 2000 ms");
    });
  }

  test("is given up by the client when the handshake hangs, and asked again by the next call", async () => {
    const clock = createFakeClock();
    const connections: Socket[] = [];
    const mute = createServer((socket) => connections.push(socket));
    await new Promise<void>((resolve) => mute.listen(0, "127.0.0.1", resolve));
    const { port } = mute.address() as { port: number };
    using connection = connectTo(port, agentIdentity(createTestAuthority()), { clock });
    const client = createClient(NodeService, connection.transport);

    const errors = [];
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const call = failureOf(client.lookupPod({}));
      await clock.waiting();
      await clock.advance(times.connectTimeoutMs);
      errors.push(await call);
    }

    expect(errors.map(({ code }) => Code[code])).toEqual(["Unavailable", "Unavailable"]);
    expect(errors[0]?.rawMessage).toContain(`no TLS connection to 127.0.0.1:${port} in 5000 ms`);
    mute.close();
    for (const socket of connections) {
      socket.destroy();
    }
  });
});

/** The header of a PING that is no answer: 8 bytes, type 6, no flags, stream 0. */
const pingFrame = Buffer.of(0, 0, 8, 6, 0, 0, 0, 0, 0);

/** A server that says it speaks HTTP/2, and then nothing. */
async function serveSilence(authority: ReturnType<typeof createTestAuthority>, hear: (bytes: Buffer) => void) {
  const server = createTlsServer({ ...serverIdentity(authority), ALPNProtocols: ["h2"] }, (socket) => {
    socket.on("error", () => undefined);
    socket.on("data", hear);
    socket.write(Buffer.of(0, 0, 0, 4, 0, 0, 0, 0, 0));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { port: (server.address() as { port: number }).port, [Symbol.dispose]: () => void server.close() };
}
