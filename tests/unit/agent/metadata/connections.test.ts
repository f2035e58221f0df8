import { expect, test } from "bun:test";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { Registry } from "prom-client";
import { trackConnections } from "../../../../src/agent/metadata/connections.ts";
import { createAgentMetrics } from "../../../../src/agent/metrics.ts";
import { aStore } from "../../../fakes/credential-stores.ts";
import { aNodePod, aSnapshot, someChanges } from "../../../fakes/node-pods.ts";

const pod = aNodePod({ addresses: ["127.0.0.1"] });
const next = aNodePod({ uid: "uid-2", addresses: ["127.0.0.1"] });

/** Accepted sockets of a plain TCP server, each with its client. */
async function someSockets(count: number) {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const accepted: Socket[] = [];
  const clients: Socket[] = [];
  for (let made = 0; made < count; made += 1) {
    const accepting = once(server, "connection");
    clients.push(connect((server.address() as AddressInfo).port, "127.0.0.1"));
    accepted.push(...((await accepting) as Socket[]));
  }
  return {
    accepted,
    async [Symbol.asyncDispose]() {
      for (const socket of [...clients, ...accepted]) {
        socket.destroy();
      }
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function tracked() {
  const { store } = aStore(aSnapshot([pod]));
  const connections = trackConnections({ store, metrics: createAgentMetrics(new Registry()) });
  return { store, connections };
}

test("a connection is the first pod's that it served, whether or not anybody watches the store", async () => {
  await using sockets = await someSockets(1);
  const { connections } = tracked();
  const [socket] = sockets.accepted as [Socket];
  connections[Symbol.dispose]();
  connections.open(socket);
  const connection = connections.of(socket);

  const belongs = [pod, pod, next].map((each) => connection?.belongsTo(each));

  expect(belongs).toEqual([true, true, false]);
});

test("a connection that has served nobody yet is left when its address changes hands", async () => {
  await using sockets = await someSockets(1);
  const { store, connections } = tracked();
  const [socket] = sockets.accepted as [Socket];
  connections.open(socket);

  store.apply(someChanges({ removed: ["uid-1"], pods: [next] }));

  expect(socket.destroyed).toBe(false);
  expect(connections.of(socket)?.belongsTo(next)).toBe(true);
});

test("the pod's removal alone cuts nothing: it may be one replica that does not know the pod yet", async () => {
  await using sockets = await someSockets(1);
  const { store, connections } = tracked();
  const [socket] = sockets.accepted as [Socket];
  connections.open(socket);
  connections.of(socket)?.belongsTo(pod);

  store.apply(aSnapshot([]));

  expect(socket.destroyed).toBe(false);
});

test("sixteen beyond the limit are to be told, more are cut", async () => {
  await using sockets = await someSockets(146);
  const { connections } = tracked();

  const openings = sockets.accepted.map((socket) => connections.open(socket));

  expect(openings.slice(0, 128).every((opening) => opening === "open")).toBe(true);
  expect(openings.slice(128)).toEqual([...Array.from({ length: 16 }, () => "refused" as const), "cut", "cut"]);
});

test("a socket that has hung up already is cut", async () => {
  await using sockets = await someSockets(1);
  const { connections } = tracked();
  const [socket] = sockets.accepted as [Socket];
  socket.destroy();
  await once(socket, "close");

  const opening = connections.open(socket);

  expect(opening).toBe("cut");
});

test("a connection that was cut serves nobody: what is waited for over it may be for the address's next owner", async () => {
  await using sockets = await someSockets(1);
  const { store, connections } = tracked();
  const [socket] = sockets.accepted as [Socket];
  connections.open(socket);
  const connection = connections.of(socket);
  connection?.belongsTo(pod);

  store.apply(someChanges({ removed: ["uid-1"], pods: [next] }));
  await once(socket, "close");

  expect([pod, next].map((each) => connection?.belongsTo(each))).toEqual([false, false]);
});
