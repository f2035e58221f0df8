import { type IpAddress, parseIpAddress } from "../../domain/ip-address.ts";
import type { NodePod } from "../../domain/node-pod.ts";
import type { Connection } from "./connections.ts";
import { queriedAddress } from "./target.ts";

/** How a listener tells which pod is calling. */
export type Callers =
  /** By the socket's remote address and nothing else. */
  | { readonly kind: "socket" }
  /** As a request's `?ip=` says, else by the socket. For development: whoever asks may be anyone. */
  | { readonly kind: "query" }
  /** The listener stands for one pod's address. For development. */
  | { readonly kind: "fixed"; readonly address: IpAddress };

export interface Caller {
  readonly client: IpAddress;
  belongsTo(pod: NodePod): boolean;
}

/** Answers `undefined` where the query names what is not an address. */
export function callerOf(callers: Callers, connection: Connection, target: string): Caller | undefined {
  switch (callers.kind) {
    case "socket":
      return { client: connection.remote, belongsTo: connection.belongsTo };
    case "query": {
      const queried = queriedAddress(target);
      const client = queried === undefined ? connection.remote : parseIpAddress(queried);
      return client === undefined ? undefined : { client, belongsTo: anyPod };
    }
    case "fixed":
      return { client: callers.address, belongsTo: anyPod };
    default:
      return callers satisfies never;
  }
}

/** A developer's connection may serve one pod after another. */
function anyPod(): boolean {
  return true;
}
