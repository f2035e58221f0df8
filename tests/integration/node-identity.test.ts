import { expect, test } from "bun:test";
import { Code, createClient } from "@connectrpc/connect";
import { fromWatchNodeResponse } from "../../src/rpc/convert.ts";
import { KiamService } from "../../src/rpc/gen/kiam/kiam_pb.ts";
import { NodeService } from "../../src/rpc/gen/kiam/v1/node_pb.ts";
import { agentIdentity, connectTo, failureOf, serveRoutes } from "../fixtures/rpc.ts";
import { setUp } from "../unit/server/rpc/set-up.ts";

/** A server that requires proof, with a pod on each of two nodes, and agents by the nodes that their certificates name. */
async function serveTwoNodes() {
  const server = setUp({ mode: "required" });
  server.sts.onCall((call) => call.issue());
  server.put({ uid: "a", role: "reader", addresses: ["10.0.0.1"] });
  server.put({ uid: "b", role: "writer", addresses: ["10.0.1.1"], nodeName: "node-b" });
  const served = await serveRoutes(server.routes);
  return {
    ...server,
    port: served.server.port,
    authority: served.authority,
    [Symbol.asyncDispose]: () => served[Symbol.asyncDispose](),
    as(nodeName: string) {
      const connection = connectTo(served.server.port, agentIdentity(served.authority, nodeName));
      const { transport } = connection;
      return {
        node: createClient(NodeService, transport),
        kiam: createClient(KiamService, transport),
        [Symbol.dispose]: () => connection[Symbol.dispose](),
      };
    },
  };
}

test("a stolen node key gives that node's pods over TLS, on both services, and no other's", async () => {
  await using cluster = await serveTwoNodes();
  using thief = cluster.as("node-a");
  const stream = thief.node.watchNode({})[Symbol.asyncIterator]();

  const first = await stream.next();
  const granted = await stream.next();
  const other = await failureOf(
    thief.node
      .watchNode({ claim: { nodeName: "node-b" } })
      [Symbol.asyncIterator]()
      .next(),
  );
  const timersBefore = cluster.clock.timers;
  const asked = [
    failureOf(thief.node.lookupPod({ address: "10.0.1.1", withCredentials: true })),
    failureOf(thief.kiam.getPodCredentials({ ip: "10.0.1.1", role: "writer" })),
    failureOf(thief.kiam.getPodRole({ ip: "10.0.1.1" })),
  ];
  // Each waits for an address that never turns up on its node.
  await until(() => cluster.clock.timers === timersBefore + asked.length);
  await cluster.clock.advance(800);
  const refusals = await Promise.all(asked);

  expect(fromWatchNodeResponse(first.value)).toMatchObject({
    kind: "snapshot",
    nodeName: "node-a",
    pods: [{ uid: "a" }],
  });
  expect(fromWatchNodeResponse(granted.value)).toMatchObject({ kind: "changes", identities: [{}] });
  expect(Code[other.code]).toBe("PermissionDenied");
  expect(refusals.map(({ code, rawMessage }) => `${Code[code]}: ${rawMessage}`)).toEqual([
    "NotFound: no live pod of the node has the address",
    "Unknown: no pod found",
    "Unknown: no pod found",
  ]);
});

test("a node's own key gets its pods' credentials by either service", async () => {
  await using cluster = await serveTwoNodes();
  using agent = cluster.as("node-b");

  const { credentials } = await agent.node.lookupPod({ address: "10.0.1.1", withCredentials: true });
  const { code } = await agent.kiam.getPodCredentials({ ip: "10.0.1.1", role: "writer" });

  expect([credentials?.outcome.case, code]).toEqual(["roleCredentials", "Success"]);
  expect(cluster.sts.calls.length).toBe(1);
});

test("a certificate that names no node is served health, and no pods", async () => {
  await using cluster = await serveTwoNodes();
  const connection = connectTo(cluster.port, cluster.authority.issue({ names: ["DNS:agent"], usage: "client" }));
  using _connection = connection;
  const kiam = createClient(KiamService, connection.transport);

  const { message } = await kiam.getHealth({});
  const error = await failureOf(kiam.getPodRole({ ip: "10.0.0.1" }));

  expect([message, Code[error.code]]).toEqual(["ok", "Unauthenticated"]);
});

test("a server that closes ends the node streams in order, and holds nothing for them", async () => {
  const cluster = await serveTwoNodes();
  using agent = cluster.as("node-a");
  const stream = agent.node.watchNode({})[Symbol.asyncIterator]();
  await stream.next();

  await cluster[Symbol.asyncDispose]();

  let end = await stream.next();
  while (end.done !== true) {
    end = await stream.next();
  }
  expect(await cluster.counted("kiam_feed_streams")).toEqual({ "": 0 });
});

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}
