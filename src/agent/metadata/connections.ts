import type { Socket } from "node:net";
import { type IpAddress, parseIpAddress } from "../../domain/ip-address.ts";
import type { NodePod } from "../../domain/node-pod.ts";
import type { PodUid } from "../../domain/pod.ts";
import type { CredentialStore } from "../credentials/store.ts";
import type { AgentMetrics } from "../metrics.ts";
import { type Backlog, createBacklog } from "./backlog.ts";
import { isLoopback, type LocalEnd } from "./host.ts";
import { createLimit } from "./limit.ts";

/** One client's connection. */
export interface Connection {
  /** The socket's own remote address, the only thing that says who calls. */
  readonly remote: IpAddress;
  readonly local: LocalEnd;
  readonly isFromNode: boolean;
  readonly backlog: Backlog;
  belongsTo(pod: NodePod): boolean;
}

/** The open connections. Dispose it to stop watching the store. */
export interface Connections extends Disposable {
  /** Takes a new connection in; refuses it where its address has too many, or it has none. */
  open(socket: Socket): Opening;
  /** `undefined` for a connection that was refused. */
  of(socket: Socket): Connection | undefined;
}

/** What becomes of a new connection: `refused` is to be told why at its first request and closed, `cut` closed at once. */
export type Opening = "open" | "refused" | "cut";

export interface ConnectionOptions {
  readonly store: Pick<CredentialStore, "owner" | "changes">;
  readonly metrics: Pick<AgentMetrics, "connectionsCutByReuse">;
}

/** Per address; an SDK holds one, and some tools a few dozen. */
const mostConnections = 128;

/** So many more are told why they are refused; what comes on top is cut without a word. */
const mostRefusals = 16;

interface Bound {
  readonly socket: Socket;
  readonly remote: IpAddress;
  readonly uid: PodUid;
}

export function trackConnections({ store, metrics }: ConnectionOptions): Connections {
  const places = createLimit<IpAddress>(mostConnections);
  const refusals = createLimit<IpAddress>(mostRefusals);
  const connections = new WeakMap<Socket, Connection>();
  const bound = new Map<Socket, Bound>();

  /** The first pod that a connection serves is the only one: its address's next owner never opened it. */
  function belongsTo(socket: Socket, remote: IpAddress, pod: NodePod): boolean {
    if (socket.destroyed) {
      return false; // Nobody reads the answer, and the address may be another pod's by now.
    }
    const uid = bound.get(socket)?.uid;
    if (uid === undefined) {
      bound.set(socket, { socket, remote, uid: pod.uid });
    }
    return uid === undefined || uid === pod.uid;
  }

  function cutFormerPods(): void {
    for (const { socket, remote, uid } of bound.values()) {
      const owner = store.owner(remote);
      // One that was cut is here until its close is heard, and the store may change once more before that.
      if (owner.kind === "owner" && owner.pod.uid !== uid && !socket.destroyed) {
        metrics.connectionsCutByReuse.inc();
        socket.destroy();
      }
    }
  }

  const changes = store.changes.add(cutFormerPods);
  return {
    open(socket) {
      const remote = parseIpAddress(socket.remoteAddress ?? "");
      if (remote === undefined) {
        return "cut"; // It has hung up already.
      }
      const place = places.take(remote);
      const refusal = place === undefined ? refusals.take(remote) : undefined;
      socket.once("close", () => {
        place?.[Symbol.dispose]();
        refusal?.[Symbol.dispose]();
        bound.delete(socket);
      });
      if (place === undefined) {
        return refusal === undefined ? "cut" : "refused";
      }
      const local = { address: parseIpAddress(socket.localAddress ?? ""), port: socket.localPort ?? 0 };
      connections.set(socket, {
        remote,
        local,
        isFromNode: isLoopback(remote) || remote === local.address,
        backlog: createBacklog(socket),
        belongsTo: (pod) => belongsTo(socket, remote, pod),
      });
      return "open";
    },
    of: (socket) => connections.get(socket),
    [Symbol.dispose]: () => changes[Symbol.dispose](),
  };
}
