import { Code, ConnectError } from "@connectrpc/connect";
import { Registry } from "prom-client";
import type { AskOutcome } from "../../../src/agent/credentials/ask.ts";
import { createLookup } from "../../../src/agent/credentials/lookup.ts";
import { createCredentialStore } from "../../../src/agent/credentials/store.ts";
import type { Answer } from "../../../src/agent/metadata/answer.ts";
import { trackConnections } from "../../../src/agent/metadata/connections.ts";
import { createHandle } from "../../../src/agent/metadata/handle.ts";
import { watchUnclaimedAddresses } from "../../../src/agent/metadata/unclaimed-addresses.ts";
import { createAgentMetrics } from "../../../src/agent/metrics.ts";
import type { NodeUpdate, PodAnswer } from "../../../src/domain/node-pod.ts";
import { reasonOf } from "../../../src/runtime/logger.ts";
import type { FakeClock } from "../../fakes/clock.ts";
import { createGoServers } from "../../fakes/go-servers.ts";
import { aRequest } from "../../fakes/metadata-requests.ts";
import { anAddress } from "../../fakes/pods.ts";
import { aSocket } from "../../fakes/socket.ts";
import type { MemoryReplica } from "./replica.ts";

export function createAgentSurroundings() {
  return { agentMetrics: createAgentMetrics(new Registry()), goServers: createGoServers() };
}

/** A pod's connection to the agent. */
export interface PodConnection {
  readonly address: string;
  readonly isClosed: boolean;
  close(): void;
  get(target: string, signal?: AbortSignal): Answer | Promise<Answer>;
}

/** One agent, all of it but its sockets. */
export interface MemoryAgent extends Disposable {
  /** Leaves the stream that it has, once the next one's snapshot is there. */
  follow(replica: MemoryReplica): void;
  /** The stream is lost. */
  cut(): void;
  readonly isFollowing: boolean;
  /** Whether it knows whose the address is. */
  knows(address: string): boolean;
  connect(address: string): PodConnection;
}

export interface MemoryAgentDeps extends ReturnType<typeof createAgentSurroundings> {
  readonly clock: FakeClock;
  /** Whom single questions go to. */
  readonly asked: () => MemoryReplica | undefined;
  /** Told before the agent takes it in. */
  readonly onUpdate: (update: NodeUpdate) => void;
  readonly onAnswer: (answer: PodAnswer) => void;
}

const silent = { debug() {}, info() {}, warn() {}, error() {} };

export function createMemoryAgent(deps: MemoryAgentDeps): MemoryAgent {
  const { clock, agentMetrics: metrics, goServers } = deps;
  const store = createCredentialStore({ clock, metrics });
  const stopping = new AbortController();
  const randomBytes = (length: number) => new Uint8Array(length).fill(7);
  let stream: AbortController | undefined;
  let opening: AbortController | undefined;

  async function ask(
    address: string,
    { withCredentials }: { readonly withCredentials: boolean },
    signal: AbortSignal,
  ): Promise<AskOutcome> {
    const replica = deps.asked();
    if (replica === undefined) {
      return { kind: "unavailable", reason: "no server is there" };
    }
    try {
      const answer = await replica.ask(address, withCredentials, signal);
      deps.onAnswer(answer);
      return { kind: "answer", answer };
    } catch (error) {
      signal.throwIfAborted();
      const isNotFound = error instanceof ConnectError && error.code === Code.NotFound;
      return isNotFound ? { kind: "not-found" } : { kind: "unavailable", reason: reasonOf(error) };
    }
  }

  async function read(replica: MemoryReplica, own: AbortController): Promise<void> {
    try {
      for await (const update of replica.watch(own.signal)) {
        if (own.signal.aborted) {
          return;
        }
        if (own === opening) {
          stream?.abort(new Error("another has taken its place"));
          [stream, opening] = [own, undefined];
        }
        deps.onUpdate(update);
        store.apply(update);
      }
    } catch {
      // The server is gone.
    }
    opening = opening === own ? undefined : opening;
    stream = stream === own ? undefined : stream;
  }

  const lookup = createLookup({ store, ask, goServers, clock, metrics });
  const connections = trackConnections({ store, metrics });
  const unclaimed = watchUnclaimedAddresses({ store, clock, randomBytes });
  const handle = createHandle(
    {
      ...{ store, lookup, metrics, clock, randomBytes, log: silent, nodeName: "node-a", imdsTokens: "optional" },
      tokenKey: () => undefined,
      readInstanceId: async () => "i-0",
      isConnected: () => stream !== undefined,
      monotonicMs: () => clock.now(),
    },
    unclaimed,
  );

  return {
    follow(replica) {
      opening?.abort(new Error("another is tried"));
      opening = new AbortController();
      void read(replica, opening);
    },
    cut() {
      stream?.abort(new Error("cut"));
      stream = undefined;
    },
    get isFollowing() {
      return stream !== undefined;
    },
    knows: (address) => store.owner(anAddress(address)).kind === "owner",
    connect(address) {
      const socket = aSocket(address);
      connections.open(socket);
      const connection = connections.of(socket);
      return {
        address,
        get isClosed() {
          return socket.destroyed;
        },
        close: () => void socket.destroy(),
        get: (target, signal = stopping.signal) =>
          handle(
            aRequest(target, {
              client: address,
              signal,
              belongsTo: (pod) => connection?.belongsTo(pod) ?? false,
            }),
          ),
      };
    },
    [Symbol.dispose]() {
      stopping.abort(new Error("the agent is gone"));
      opening?.abort(new Error("the agent is gone"));
      stream?.abort(new Error("the agent is gone"));
      connections[Symbol.dispose]();
      unclaimed[Symbol.dispose]();
    },
  };
}
