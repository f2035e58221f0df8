import type { AskOptions } from "../../src/agent/credentials/ask.ts";
import {
  type GoCalls,
  type LeaveReason,
  type OpenReplica,
  type Replica,
  type ReplicaAnswer,
  ReplicaError,
} from "../../src/agent/feed/replica.ts";
import type { IpAddress } from "../../src/domain/ip-address.ts";
import type { NodeUpdate } from "../../src/domain/node-pod.ts";

/** A replica as the agent connected to it, once. */
export interface FakeReplica {
  readonly address: string;
  readonly isRetired: boolean;
  /** What it was asked, in order. */
  readonly asked: readonly {
    readonly address: IpAddress;
    readonly options: AskOptions;
    readonly signal: AbortSignal;
  }[];
  /** The stream's signal, once there is one. */
  readonly streamSignal: AbortSignal | undefined;
  send(update: NodeUpdate): void;
  /** The server asks this agent to leave. */
  sendAway(why?: LeaveReason): void;
  /** Its connection closes. */
  close(): void;
  /** The server closes the stream in order. */
  end(): void;
  /** The stream, or the attempt to open it, fails. */
  fail(error: Error): void;
  /** How it answers questions; by default that there is no such pod. */
  answer: (signal: AbortSignal) => Promise<ReplicaAnswer>;
  /** How it answers as a Go server; by default that nobody has the address. */
  go: GoCalls;
}

export interface FakeReplicas {
  readonly open: OpenReplica;
  /** Every connection made, in order. */
  readonly opened: readonly FakeReplica[];
  /** The newest. */
  readonly newest: FakeReplica;
  /** Until when the agent's token proves its node on streams opened from now on. */
  provedUntilMs: number | undefined;
  /** Set it to have connecting fail. */
  problem: ReplicaError | undefined;
}

type Sent =
  | { readonly kind: "update"; readonly update: NodeUpdate }
  | { readonly kind: "end" }
  | { readonly kind: "failure"; readonly error: Error };

/** Replicas that do what the test says; a stream obeys its signal only. */
export function createReplicas(): FakeReplicas {
  const opened: FakeReplica[] = [];
  const replicas: FakeReplicas = {
    opened,
    problem: undefined,
    provedUntilMs: undefined,
    get newest() {
      const newest = opened.at(-1);
      if (newest === undefined) {
        throw new Error("no replica was connected to");
      }
      return newest;
    },
    open(address) {
      if (replicas.problem !== undefined) {
        throw replicas.problem;
      }
      const { fake, replica } = aReplica(address, () => replicas.provedUntilMs);
      opened.push(fake);
      return replica;
    },
  };
  return replicas;
}

function aReplica(
  address: string,
  provedUntil: () => number | undefined,
): { readonly fake: FakeReplica; readonly replica: Replica } {
  const queue: Sent[] = [];
  const asked: { address: IpAddress; options: AskOptions; signal: AbortSignal }[] = [];
  let more = Promise.withResolvers<void>();
  let streamSignal: AbortSignal | undefined;
  let isRetired = false;
  const sentAway = Promise.withResolvers<LeaveReason>();
  const closed = Promise.withResolvers<void>();

  function put(sent: Sent): void {
    queue.push(sent);
    more.resolve();
  }

  async function* updates(signal: AbortSignal): AsyncIterable<NodeUpdate> {
    const aborted = new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    aborted.catch(() => undefined); // Also where nothing has to be waited for.
    for (;;) {
      const sent = queue.shift();
      if (sent === undefined) {
        more = Promise.withResolvers<void>();
        await Promise.race([more.promise, aborted]);
      } else if (sent.kind === "update") {
        yield sent.update;
      } else if (sent.kind === "failure") {
        throw sent.error;
      } else {
        return;
      }
    }
  }

  const fake: FakeReplica = {
    address,
    asked,
    get isRetired() {
      return isRetired;
    },
    get streamSignal() {
      return streamSignal;
    },
    send: (update) => put({ kind: "update", update }),
    sendAway: (why = "server-stops") => sentAway.resolve(why),
    close: closed.resolve,
    end: () => put({ kind: "end" }),
    fail: (error) => put({ kind: "failure", error }),
    answer: async () => ({ kind: "not-found" }),
    go: { role: async () => ({ kind: "nobody" }), credentials: async () => ({ kind: "nobody" }) },
  };
  const replica: Replica = {
    address,
    sentAway: sentAway.promise,
    closed: closed.promise,
    async watch(signal) {
      streamSignal = signal;
      const provedUntilMs = provedUntil();
      return { updates: updates(signal), ...(provedUntilMs === undefined ? {} : { provedUntilMs }) };
    },
    async ask(podAddress, options, signal) {
      asked.push({ address: podAddress, options, signal });
      return await fake.answer(signal);
    },
    go: {
      role: (podAddress, signal) => fake.go.role(podAddress, signal),
      credentials: (request, signal) => fake.go.credentials(request, signal),
    },
    retire() {
      isRetired = true;
    },
  };
  return { fake, replica };
}

/** What a server of the Go release is, asked for its stream. */
export function noNodeService(address = "10.1.0.1"): ReplicaError {
  return new ReplicaError("no-node-service", `server ${address} has no node service`);
}

export function unreachable(address = "10.1.0.1"): ReplicaError {
  return new ReplicaError("unreachable", `no connection to server ${address}: refused`);
}
