import type { IpAddress } from "../../domain/ip-address.ts";
import type { NodeUpdate } from "../../domain/node-pod.ts";
import type { AskOptions, AskOutcome } from "../credentials/ask.ts";
import type { AddressRequest, GoCredentials, GoRole } from "../credentials/go-servers.ts";

/** A connection to one replica of the server. */
export interface Replica {
  /** Where it is, as DNS names it. */
  readonly address: string;
  /** Opens the node's stream. Rejects, and the updates throw, {@link ReplicaError}, or the signal's reason. */
  watch(signal: AbortSignal): Promise<NodeStream>;
  /** Asks about one address. Rejects with the signal's reason only. */
  ask(address: IpAddress, options: AskOptions, signal: AbortSignal): Promise<ReplicaAnswer>;
  /** Resolves when the server asks this agent to leave; the stream goes on for some time. */
  readonly sentAway: Promise<LeaveReason>;
  /** Resolves when the first connection has closed; the next call opens another. */
  readonly closed: Promise<void>;
  /** For a replica without the node service. */
  readonly go: GoCalls;
  /** Takes no more calls and closes the connection when those under way are done. */
  retire(): void;
}

/** Why a server asks an agent to leave. */
export type LeaveReason = "connection-is-old" | "server-stops";

export interface NodeStream {
  /** Ends when the signal that the stream was opened with is aborted, not when its reader stops reading. */
  readonly updates: AsyncIterable<NodeUpdate>;
  /** When the token that proved the node expires, milliseconds since the Unix epoch; absent without one. */
  readonly provedUntilMs?: number;
}

export type ReplicaAnswer = AskOutcome | Lost;

/** The connection failed: another replica may know. */
export interface Lost {
  readonly kind: "lost";
  readonly reason: string;
}

/** What the Go release's servers answer. Both reject with the signal's reason only. */
export interface GoCalls {
  role(address: IpAddress, signal: AbortSignal): Promise<GoRole | Lost>;
  credentials(request: AddressRequest, signal: AbortSignal): Promise<GoCredentials | Lost>;
}

/** Connects to the replica at an address. The connection is made by the first call. @throws ReplicaError */
export type OpenReplica = (address: string) => Replica;

/** Why a replica does not serve this agent. */
export type ReplicaFailure =
  | "unreachable"
  /** It does not accept the proof of this agent's node. */
  | "unauthenticated"
  /** It does not give this agent that node. */
  | "wrong-node"
  /** It has no node service: the Go release. */
  | "no-node-service"
  /** It said what this agent can't make sense of, or failed. */
  | "broken"
  /** This agent has no usable certificate, token or server address. */
  | "not-ready";

/** A replica that does not serve this agent, as one sentence. */
export class ReplicaError extends Error {
  override readonly name = "ReplicaError";
  readonly failure: ReplicaFailure;

  constructor(failure: ReplicaFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.failure = failure;
  }
}
