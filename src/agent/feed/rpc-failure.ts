import { Code, ConnectError } from "@connectrpc/connect";
import { MalformedMessage } from "../../rpc/convert.ts";
import { reasonOf } from "../../runtime/logger.ts";
import { ReplicaError } from "./replica.ts";

/** What a failed call says of the replica, and what a person can do about it. */
export function replicaError(error: unknown, address: string, nodeName: string): ReplicaError {
  if (error instanceof ReplicaError) {
    return error;
  }
  if (error instanceof MalformedMessage) {
    return new ReplicaError("broken", `server ${address}: ${error.message}`, { cause: error });
  }
  const { code, rawMessage } = ConnectError.from(error);
  switch (code) {
    case Code.Unauthenticated:
      return new ReplicaError(
        "unauthenticated",
        `server ${address} does not accept the proof of this agent's node: ${rawMessage}; check that --identity-token is a projected token with audience kiam-server, or that --cert names the node`,
        { cause: error },
      );
    case Code.PermissionDenied:
      return new ReplicaError(
        "wrong-node",
        `server ${address} does not serve node '${nodeName}' to this agent: ${rawMessage}; --node-name must be the node that its certificate or token proves`,
        { cause: error },
      );
    case Code.Unimplemented:
      return new ReplicaError(
        "no-node-service",
        `server ${address} has no node service (the Go release?): pods are served by asking it at each request, until another has it; update the servers`,
        { cause: error },
      );
    default:
      return isConnectionLost(error)
        ? new ReplicaError("unreachable", `no connection to server ${address}: ${rawMessage}`, { cause: error })
        : new ReplicaError("broken", `server ${address} failed: ${reasonOf(error)}`, { cause: error });
  }
}

/**
 * Whether the connection failed rather than the server: then another replica may answer. Canceled is this agent's own doing
 * only where its own signal was aborted; else it is how a server's end shows.
 */
export function isConnectionLost(error: unknown): boolean {
  return connectionCodes.includes(ConnectError.from(error).code);
}

const connectionCodes: readonly Code[] = [Code.Unavailable, Code.Canceled, Code.Aborted];
