import { type Client, Code, createClient, type Interceptor } from "@connectrpc/connect";
import { connectRpc } from "../../../src/rpc/connect.ts";
import { KiamService } from "../../../src/rpc/gen/kiam/kiam_pb.ts";
import { NodeService } from "../../../src/rpc/gen/kiam/v1/node_pb.ts";
import type { TlsIdentity } from "../../../src/rpc/tls-options.ts";
import { systemClock } from "../../../src/runtime/clock.ts";
import { failureOf } from "../../fixtures/rpc.ts";
import { serverName } from "./pki.ts";

/** Somebody who calls a server by hand, with whatever proof. */
export interface Caller extends Disposable {
  readonly node: Client<typeof NodeService>;
  readonly kiam: Client<typeof KiamService>;
}

export function callerOf(
  { address, port }: { readonly address: string; readonly port: number },
  tls: TlsIdentity,
  token?: string,
): Caller {
  const withToken: Interceptor = (next) => (request) => {
    if (token !== undefined) {
      request.header.set("authorization", `Bearer ${token}`);
    }
    return next(request);
  };
  const times = { connectTimeoutMs: 5_000, pingIntervalMs: 10_000, pingTimeoutMs: 2_000 };
  const connection = connectRpc(
    { address, port, serverName },
    { ...times, tls, interceptors: [withToken], clock: systemClock, pingIdle: true },
  );
  return {
    node: createClient(NodeService, connection.transport),
    kiam: createClient(KiamService, connection.transport),
    [Symbol.dispose]: () => connection[Symbol.dispose](),
  };
}

/** How a call that must fail failed: `PermissionDenied: the reason`. */
export async function refusalOf(call: Promise<unknown>): Promise<string> {
  const { code, rawMessage } = await failureOf(call);
  return `${Code[code]}: ${rawMessage}`;
}

/** The pods that a node's stream begins with, by name. */
export async function snapshotOf({ node }: Caller, nodeName = ""): Promise<readonly string[]> {
  const leaving = new AbortController();
  for await (const { update } of node.watchNode({ claim: { nodeName } }, { signal: leaving.signal })) {
    leaving.abort(new Error("seen enough"));
    return update.case === "snapshot" ? update.value.pods.map(({ name }) => name) : [];
  }
  return [];
}
