import { expect, test } from "bun:test";
import { createSecureServer, type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import { createClient } from "@connectrpc/connect";
import { createDispatch } from "../../src/rpc/dispatch.ts";
import { NodeService } from "../../src/rpc/gen/kiam/v1/node_pb.ts";
import { strictTls } from "../../src/rpc/tls-options.ts";
import { neverAborted } from "../../src/runtime/abort.ts";
import { createFakeClock } from "../fakes/clock.ts";
import { agentIdentity, answerNamed, connectTo, heartbeat, serverIdentity, times } from "../fixtures/rpc.ts";
import { createTestAuthority } from "../fixtures/tls.ts";

/** A server whose sessions the test holds in its hands, as a Go server's connection age would. */
async function serveBare(authority: ReturnType<typeof createTestAuthority>) {
  const sessions: ServerHttp2Session[] = [];
  const pings: ServerHttp2Session[] = [];
  const gate = Promise.withResolvers<void>();
  const dispatch = createDispatch({
    routes: (router) =>
      router.service(NodeService, {
        lookupPod: async ({ address }) => answerNamed(address),
        async *watchNode() {
          yield heartbeat;
          await gate.promise;
          yield heartbeat;
        },
      }),
    interceptors: [],
    stopping: neverAborted(),
    onBrokenHandler: () => undefined,
  });
  const server = createSecureServer(
    { ...strictTls(serverIdentity(authority)), requestCert: true },
    (request, response) => void dispatch(request, response),
  );
  server.on("session", (session) => {
    sessions.push(session);
    session.on("ping", () => pings.push(session));
    session.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    sessions,
    pings,
    letGo: gate.resolve,
    [Symbol.dispose]() {
      server.close();
      for (const session of sessions) {
        session.destroy();
      }
    },
  };
}

test("a server that says to go away gets no new calls on that connection, and the stream on it goes on to its end", async () => {
  const authority = createTestAuthority();
  using served = await serveBare(authority);
  using connection = connectTo(served.port, agentIdentity(authority));
  const client = createClient(NodeService, connection.transport);
  const stream = client.watchNode({})[Symbol.asyncIterator]();
  await stream.next();

  served.sessions[0]?.close();
  // Whether or not the news has come by then, the call is answered on one connection or the other.
  await client.lookupPod({ address: "10.0.0.1" }).catch(() => undefined);
  const answer = await client.lookupPod({ address: "10.0.0.2" });
  served.letGo();

  expect(answer.pod?.name).toBe("10.0.0.2");
  expect(served.sessions.length).toBe(2);
  expect([(await stream.next()).done, (await stream.next()).done]).toEqual([false, true]);
});

test("a connection that was idle for a while is pinged beside the next call, where idle ones are not pinged", async () => {
  const clock = createFakeClock();
  const authority = createTestAuthority();
  using served = await serveBare(authority);
  using connection = connectTo(served.port, agentIdentity(authority), { clock, pingIdle: false });
  const client = createClient(NodeService, connection.transport);

  await client.lookupPod({});
  await client.lookupPod({});
  const atOnce = served.pings.length;
  await clock.advance(times.pingIntervalMs * 2);
  const idle = served.pings.length;
  await client.lookupPod({});
  await client.lookupPod({});

  expect([atOnce, idle, served.pings.length]).toEqual([0, 0, 1]);
});
