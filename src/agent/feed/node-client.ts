import { Code, ConnectError, createClient } from "@connectrpc/connect";
import type { NodeUpdate } from "../../domain/node-pod.ts";
import { type ConnectionOptions, connectRpc } from "../../rpc/connect.ts";
import { fromLookupPodResponse, fromWatchNodeResponse } from "../../rpc/convert.ts";
import { NodeService, type WatchNodeResponse } from "../../rpc/gen/kiam/v1/node_pb.ts";
import type { TlsIdentity } from "../../rpc/tls-options.ts";
import type { Listeners } from "../../runtime/listeners.ts";
import { reasonOf } from "../../runtime/logger.ts";
import { isVouchedFor } from "../../tls/vouch.ts";
import { createGoCalls } from "./go-calls.ts";
import { type LeaveReason, type Lost, type OpenReplica, type ReplicaAnswer, ReplicaError } from "./replica.ts";
import { isConnectionLost, replicaError } from "./rpc-failure.ts";
import { tokenExpiresAtMs } from "./token-expiry.ts";

export interface NodeClientOptions extends Omit<ConnectionOptions, "tls"> {
  /** What the servers' certificates must be valid for. */
  readonly serverName: string;
  readonly port: number;
  /** Whom the agent says it serves; empty texts where it was not told. */
  readonly claim: { readonly nodeName: string; readonly hostIp: string };
  /** `undefined` while there is no usable certificate. */
  readonly tls: () => TlsIdentity | undefined;
  /** Told when there is another to connect with. */
  readonly tlsChanges: Pick<Listeners<unknown>, "add">;
  /** The projected token, read anew for each call; `undefined` where the agent has none. */
  readonly readToken: () => Promise<string | undefined>;
}

/** Talks to replicas by the node service, mutual TLS and gRPC. */
export function createNodeClient(options: NodeClientOptions): OpenReplica {
  const { claim, readToken } = options;

  async function readProof(): Promise<Proof> {
    try {
      const token = (await readToken())?.trim();
      return token === undefined ? { headers: {} } : proofOf(token);
    } catch (error) {
      throw new ReplicaError("not-ready", `the identity token can't be read: ${reasonOf(error)}`, { cause: error });
    }
  }

  function requireTls(): TlsIdentity {
    const tls = options.tls();
    if (tls === undefined) {
      throw new ReplicaError("not-ready", "there is no usable certificate to talk to the servers with");
    }
    return tls;
  }

  return (address) => {
    const tls = requireTls();
    const resources = new DisposableStack();
    const sentAway = Promise.withResolvers<LeaveReason>();
    const closed = Promise.withResolvers<void>();
    // While a stream is open it is pinged in any case: nothing else notices a server that the network swallowed.
    const connection = resources.use(
      connectRpc(
        { address, port: options.port, serverName: options.serverName },
        { ...options, tls, onGoAway: (why) => sentAway.resolve(leaveReason(why)), onClosed: closed.resolve },
      ),
    );
    resources.use(options.tlsChanges.add(closeIfWithdrawn));
    const client = createClient(NodeService, connection.transport);
    const failureOf = (error: unknown) => replicaError(error, address, claim.nodeName);
    const go = createGoCalls({
      transport: connection.transport,
      readHeaders: async () => (await readProof()).headers,
      reasonOf: (error) => failureOf(error).message,
    });
    let asking = 0;
    let isRetired = false;
    let isWithdrawn = false;

    /** Other connections stay when the files change; one to a server that nobody vouches for any more does not. */
    function closeIfWithdrawn(): void {
      const next = options.tls();
      const certificate = connection.serverCertificate();
      if (next !== undefined && next.ca !== tls.ca && certificate !== undefined) {
        isWithdrawn ||= !isVouchedFor(certificate, next.ca);
        closeWhenDone();
      }
    }

    async function* updatesOf(
      responses: AsyncIterable<WatchNodeResponse>,
      signal: AbortSignal,
    ): AsyncIterable<NodeUpdate> {
      try {
        for await (const response of responses) {
          yield fromWatchNodeResponse(response);
        }
      } catch (error) {
        signal.throwIfAborted();
        throw failureOf(error);
      }
    }

    function answerOf(error: unknown): ReplicaAnswer {
      if (error instanceof ConnectError && error.code === Code.NotFound) {
        return { kind: "not-found" };
      }
      const reason = failureOf(error).message;
      return isConnectionLost(error) ? { kind: "lost", reason } : { kind: "unavailable", reason };
    }

    function closeWhenDone(): void {
      if (isWithdrawn || (isRetired && asking === 0)) {
        resources.dispose();
      }
    }

    /** The connection stays until the question is answered. */
    async function during<Answer>(ask: () => Promise<Answer>): Promise<Answer | Lost> {
      if (isWithdrawn) {
        return { kind: "lost", reason: `nobody vouches any more for server ${address}` };
      }
      asking += 1;
      try {
        return await ask();
      } finally {
        asking -= 1;
        closeWhenDone();
      }
    }

    return {
      address,
      sentAway: sentAway.promise,
      closed: closed.promise,
      async watch(signal) {
        const { headers, expiresAtMs } = await readProof();
        const updates = updatesOf(client.watchNode({ claim }, { signal, headers }), signal);
        return expiresAtMs === undefined ? { updates } : { updates, provedUntilMs: expiresAtMs };
      },
      async ask(podAddress, { withCredentials }, signal) {
        return await during(async () => {
          try {
            const { headers } = await readProof();
            const request = { claim, address: podAddress, withCredentials };
            const response = await client.lookupPod(request, { signal, headers });
            return { kind: "answer", answer: fromLookupPodResponse(response) };
          } catch (error) {
            signal.throwIfAborted();
            return answerOf(error);
          }
        });
      },
      go: {
        role: (podAddress, signal) => during(() => go.role(podAddress, signal)),
        credentials: (request, signal) => during(() => go.credentials(request, signal)),
      },
      retire() {
        isRetired = true;
        closeWhenDone();
      },
    };
  };
}

/** What proves the node beside the certificate. */
interface Proof {
  readonly headers: Readonly<Record<string, string>>;
  readonly expiresAtMs?: number;
}

function proofOf(token: string): Proof {
  const headers = { authorization: `Bearer ${token}` };
  const expiresAtMs = tokenExpiresAtMs(token);
  return expiresAtMs === undefined ? { headers } : { headers, expiresAtMs };
}

/** A server that gives no reason may be about to stop. */
function leaveReason(why: string): LeaveReason {
  return why === "max_age" ? "connection-is-old" : "server-stops";
}
