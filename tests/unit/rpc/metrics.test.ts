import { expect, test } from "bun:test";
import { Code, ConnectError, createClient, createRouterTransport, type ServiceImpl } from "@connectrpc/connect";
import { Registry } from "prom-client";
import { KiamService } from "../../../src/rpc/gen/kiam/kiam_pb.ts";
import { NodeService } from "../../../src/rpc/gen/kiam/v1/node_pb.ts";
import { countCalls } from "../../../src/rpc/metrics.ts";
import { settle } from "../../fakes/clock.ts";
import { metricOf } from "../../fixtures/metrics.ts";

/** Both services without a network, counted on one side. */
function setUp(
  side: "server" | "client",
  handlers: Partial<ServiceImpl<typeof KiamService>> & Pick<Partial<ServiceImpl<typeof NodeService>>, "watchNode">,
) {
  const registry = new Registry();
  const { watchNode, ...unary } = handlers;
  const interceptors = [countCalls(side, registry)];
  const transport = createRouterTransport(
    (router) => {
      router.service(KiamService, unary);
      router.service(NodeService, watchNode === undefined ? {} : { watchNode });
    },
    side === "server" ? { router: { interceptors } } : { transport: { interceptors } },
  );
  const counts = async (labels: Readonly<Record<string, string>>) =>
    Promise.all(
      ["started", "msg_received", "msg_sent", "handled"].map((what) =>
        metricOf(registry, `grpc_${side}_${what}_total`, labels),
      ),
    );
  return {
    kiam: createClient(KiamService, transport),
    node: createClient(NodeService, transport),
    counts,
    handled: (grpc_code: string) => metricOf(registry, `grpc_${side}_handled_total`, { grpc_code }),
  };
}

const getHealth = { grpc_type: "unary", grpc_service: "kiam.KiamService", grpc_method: "GetHealth" };
const watchNode = { grpc_type: "server_stream", grpc_service: "kiam.v1.NodeService", grpc_method: "WatchNode" };

test.each([
  ["server", [1, 1, 0, 0]],
  ["client", [1, 0, 1, 0]],
] as const)("on the %s a call is started while it lasts, and handled once it has ended", async (side, meanwhile) => {
  const gate = Promise.withResolvers<void>();
  const rpc = setUp(side, { getHealth: () => gate.promise.then(() => ({ message: "ok" })) });
  const states = [await rpc.counts(getHealth)];

  const call = rpc.kiam.getHealth({});
  await settle();
  states.push(await rpc.counts(getHealth));
  gate.resolve();
  await call;
  states.push(await rpc.counts(getHealth));

  expect(states).toEqual([[0, 0, 0, 0], [...meanwhile], [1, 1, 1, 1]]);
  expect(await rpc.handled("OK")).toBe(1);
});

test.each([
  [Code.Unknown, "Unknown"],
  [Code.PermissionDenied, "PermissionDenied"],
  [Code.Unauthenticated, "Unauthenticated"],
  [Code.Unavailable, "Unavailable"],
])("a call that fails is counted under Go's name of its code: %i %s", async (code, name) => {
  const rpc = setUp("client", {
    getHealth: () => {
      throw new ConnectError("no", code);
    },
  });

  await rpc.kiam.getHealth({}).catch(() => undefined);

  expect([await rpc.handled(name), await rpc.counts(getHealth)]).toEqual([1, [1, 0, 1, 1]]);
});

test("each message of a stream is counted, and the stream once it has ended", async () => {
  async function* updates() {
    yield {};
    yield {};
  }
  const rpc = setUp("server", { watchNode: updates });
  const states: (readonly number[])[] = [];

  for await (const _update of rpc.node.watchNode({})) {
    states.push(await rpc.counts(watchNode));
  }
  states.push(await rpc.counts(watchNode));

  expect(states.at(0)?.at(3)).toBe(0);
  expect(states.at(-1)).toEqual([1, 1, 2, 1]);
  expect(await rpc.handled("OK")).toBe(1);
});

test("a stream that its reader ends is counted as canceled", async () => {
  async function* updates(_: unknown, { signal }: { readonly signal: AbortSignal }) {
    yield {};
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    signal.throwIfAborted();
  }
  const rpc = setUp("client", { watchNode: updates });
  const leaving = new AbortController();
  const read = async () => {
    for await (const _update of rpc.node.watchNode({}, { signal: leaving.signal })) {
      leaving.abort(new Error("seen enough"));
    }
  };

  await read().catch(() => undefined);

  expect(await rpc.handled("Canceled")).toBe(1);
});
