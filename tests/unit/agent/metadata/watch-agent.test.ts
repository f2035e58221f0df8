import { expect, test } from "bun:test";
import { createServer, type Socket } from "node:net";
import { createWatchAgent } from "../../../../src/agent/metadata/watch-agent.ts";
import { neverAborted } from "../../../../src/runtime/abort.ts";
import { createFakeClock } from "../../../fakes/clock.ts";
import { freePort } from "../../../fixtures/free-port.ts";

const pong = (server: string) => `HTTP/1.1 200 OK\r\nServer: ${server}\r\nContent-Length: 4\r\n\r\npong`;

/** Somebody who answers every connection's first bytes with `answer`. */
async function listener(answer: string) {
  const sockets: Socket[] = [];
  const asked = Promise.withResolvers<void>();
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.once("data", () => socket.write(answer, () => asked.resolve()));
  });
  const listening = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", () => listening.resolve());
  await listening.promise;
  const address = server.address();
  return {
    place: { host: "127.0.0.1", port: typeof address === "object" ? (address?.port ?? 0) : 0 },
    asked: asked.promise,
    hangUp: () => {
      for (const socket of sockets) {
        socket.destroy();
      }
    },
    [Symbol.dispose]: () => {
      for (const socket of sockets) {
        socket.destroy();
      }
      server.close();
    },
  };
}

test("nobody is no agent", async () => {
  const watch = createWatchAgent(createFakeClock());

  const seen = await watch({ host: "127.0.0.1", port: await freePort() }, neverAborted());

  expect(seen).toBe("none");
});

test("an agent that keeps the connection stays", async () => {
  using agent = await listener(pong("kiam"));
  const clock = createFakeClock();

  const watching = createWatchAgent(clock)(agent.place, neverAborted());
  await clock.waiting(2_000);
  await clock.advance(2_000);

  expect(await watching).toBe("stays");
});

test("an agent that closes the connection has left, without waiting for the time", async () => {
  using agent = await listener(pong("kiam"));
  const clock = createFakeClock();

  const watching = createWatchAgent(clock)(agent.place, neverAborted());
  await clock.waiting(2_000);
  agent.hangUp();

  expect(await watching).toBe("left");
});

test.each([
  ["another server", pong("nginx")],
  ["an agent that refuses", "HTTP/1.1 403 Forbidden\r\nServer: kiam\r\nContent-Length: 4\r\n\r\npong"],
  ["who sends without end", "x".repeat(10_000)],
  ["who says nothing", ""],
  ["who ends before the headers do", "HTTP/1.1 200 OK\r\nServer: kiam\r\n"],
])("%s is no agent", async (_, answer) => {
  using other = await listener(answer);
  const clock = createFakeClock();

  const watching = createWatchAgent(clock)(other.place, neverAborted());
  await other.asked;
  await clock.advance(5_000);

  expect(await watching).toBe("none");
});

test("a stop ends the watch", async () => {
  using agent = await listener(pong("kiam"));
  const stop = new AbortController();
  const clock = createFakeClock();

  const watching = createWatchAgent(clock)(agent.place, stop.signal);
  await clock.waiting(2_000);
  stop.abort(new Error("stopped"));

  await expect(watching).rejects.toThrow("stopped");
});
