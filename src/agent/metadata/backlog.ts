import type { ServerResponse } from "node:http";

/**
 * The answers of one connection that can't be sent yet: one of them is still waited for, or the client does not read. Bun
 * keeps all of them in memory, however many requests a client sends ahead.
 */
export interface Backlog {
  /** Whether there may be no more of them. */
  readonly isFull: boolean;
  /** Takes one in until its response is over. */
  add(response: ServerResponse): void;
  /** Closes the connection where the client reads nothing for a while from now on. */
  expectReading(): void;
}

/** What is needed of a connection's socket. */
export interface BacklogSocket {
  setTimeout(ms: number): unknown;
  on(event: "timeout", listener: () => void): unknown;
  destroy(): unknown;
}

/** No SDK sends a request before it has the answer to the one before. */
const mostUnsent = 16;

/** A client that does not read what it asked for. */
const stalledAfterMs = 15_000;

export function createBacklog(socket: BacklogSocket): Backlog {
  let unsent = 0;
  let isTimed = false;

  return {
    get isFull() {
      return unsent >= mostUnsent;
    },
    add(response) {
      unsent += 1;
      response.once("close", () => {
        unsent -= 1;
      });
    },
    expectReading() {
      socket.setTimeout(stalledAfterMs);
      if (!isTimed) {
        isTimed = true;
        socket.on("timeout", () => socket.destroy());
      }
    },
  };
}
