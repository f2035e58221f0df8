import type { NodeUpdate } from "../../domain/node-pod.ts";
import type { Clock } from "../../runtime/clock.ts";
import { reasonOf } from "../../runtime/logger.ts";
import { type NodeStream, type Replica, ReplicaError } from "./replica.ts";

export interface StreamReader {
  readonly replica: Replica;
  readonly clock: Clock;
  readonly onUpdate: (update: NodeUpdate, stream: NodeStream) => void;
}

/** How a stream came to its end. */
export type StreamEnd =
  /** The signal was aborted. */
  { readonly kind: "stopped" } | { readonly kind: "lost"; readonly error: ReplicaError };

/** Connecting, the handshake, and a server that puts a large node's snapshot together. */
const firstMessageMs = 10_000;

/** A stream that is silent for so many heartbeat intervals is lost. */
const silentIntervals = 3;

/** Opens a node's stream and reads it to its end. Never rejects. */
export async function readStream({ replica, clock, onUpdate }: StreamReader, signal: AbortSignal): Promise<StreamEnd> {
  const ending = new AbortController();
  const inner = AbortSignal.any([signal, ending.signal]);
  let silenceMs = firstMessageMs;
  let isSilent = false;
  let timer = awaitMessage();

  function awaitMessage(): Disposable {
    return clock.after(silenceMs, () => {
      isSilent = true;
      ending.abort(new Error("silent"));
    });
  }

  function heard(update: NodeUpdate, stream: NodeStream): void {
    timer[Symbol.dispose]();
    silenceMs = update.kind === "snapshot" ? silentIntervals * update.heartbeatIntervalMs : silenceMs;
    timer = awaitMessage();
    onUpdate(update, stream);
  }

  function lostBy(error: unknown): ReplicaError {
    if (isSilent) {
      return new ReplicaError("unreachable", `server ${replica.address} has sent nothing for ${silenceMs / 1_000} s`);
    }
    return error instanceof ReplicaError
      ? error
      : new ReplicaError("broken", `server ${replica.address}: ${reasonOf(error)}`, { cause: error });
  }

  try {
    const stream = await replica.watch(inner);
    for await (const update of snapshotFirst(stream.updates, replica.address)) {
      heard(update, stream);
    }
    throw new ReplicaError("unreachable", `server ${replica.address} has ended the stream`);
  } catch (error) {
    return signal.aborted ? { kind: "stopped" } : { kind: "lost", error: lostBy(error) };
  } finally {
    timer[Symbol.dispose]();
    ending.abort(new Error("stream over")); // A reader that leaves does not end the stream by that.
  }
}

async function* snapshotFirst(updates: AsyncIterable<NodeUpdate>, address: string): AsyncIterable<NodeUpdate> {
  let isFirst = true;
  for await (const update of updates) {
    if (isFirst && update.kind !== "snapshot") {
      throw new ReplicaError("broken", `server ${address} began a stream without a snapshot`);
    }
    isFirst = false;
    yield update;
  }
}
