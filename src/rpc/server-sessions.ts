import type { Http2SecureServer, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import type { TLSSocket } from "node:tls";
import { type ConnectionLife, type ConnectionLifeOptions, limitLife } from "./connection-life.ts";
import { sendAway } from "./go-away.ts";
import { keepAlive, type PingTimes } from "./keep-alive.ts";
import { createStrangers } from "./strangers.ts";

/** The connections of a server, in whatever state they are. */
export interface ServerSessions {
  /** A call has begun, on whichever connection. */
  called(stream: ServerHttp2Stream): void;
  /** Cuts the connections whose socket is refused. */
  cut(isRefused: (socket: TLSSocket) => boolean): void;
  /**
   * Lets no new session begin, tells the clients of the others to go, some at a time, and cuts what is not a session once the
   * last is gone. Returns in how many ms the last is told.
   */
  retire(): number;
  /** Closes each session when its calls are done, without waiting for its client to hear of it. */
  close(): void;
}

/**
 * Clients that are sent away make as many handshakes with other servers, at 2 ms of a core each: 200 a second leave these the
 * time for all else.
 */
const groupSize = 10;
const groupEveryMs = 50;
/** Kubernetes kills what has not ended in 30 s. */
const longestRetirementMs = 10_000;

/** Follows every connection of a server, pings each session, and ends it in time. */
export function trackSessions(server: Http2SecureServer, options: PingTimes & ConnectionLifeOptions): ServerSessions {
  const sockets = new Set<TLSSocket>();
  const sessions = new Map<ServerHttp2Session, TLSSocket>();
  /** Those whose session is over, until their clients close them too. */
  const lingering = new Set<TLSSocket>();
  const lives = new WeakMap<object, ConnectionLife>();
  const strangers = createStrangers();
  let handshaken: TLSSocket | undefined;
  let isRetiring = false;

  function sendGroupAway(waiting: readonly ServerHttp2Session[], everyMs: number): void {
    for (const session of waiting.slice(0, groupSize)) {
      sendAway(session, "graceful_stop");
    }
    const rest = waiting.slice(groupSize).filter((session) => sessions.has(session));
    if (rest.length > 0) {
      options.clock.after(everyMs, () => sendGroupAway(rest, everyMs));
    }
  }

  function cutLeftOvers(): void {
    if (isRetiring && sessions.size === 0) {
      for (const socket of sockets) {
        socket.destroy();
      }
    }
  }

  // Under Bun the socket of `connection` is the one of `secureConnection`, before its handshake.
  server.on("connection", (socket: TLSSocket) => {
    strangers.admit(socket);
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  // Before the server's own listener, which makes the session, so that the session's socket is known when it comes.
  server.prependListener("secureConnection", (socket: TLSSocket) => {
    handshaken = socket;
    strangers.greet(socket);
  });
  server.on("session", (session) => {
    const socket = handshaken;
    if (socket === undefined || isRetiring) {
      session.destroy();
      socket?.destroy();
      return;
    }
    sessions.set(session, socket);
    sockets.delete(socket);
    const cut = () => destroy(session, socket);
    const pings = keepAlive(session, options, cut);
    const life = limitLife({ sendAway: (why) => sendAway(session, why), cut }, options);
    lives.set(session, life);
    session.on("error", () => undefined); // Ordinary disconnects come as errors; what matters is the close.
    session.once("close", () => {
      sessions.delete(session);
      pings[Symbol.dispose]();
      life[Symbol.dispose]();
      if (!socket.destroyed) {
        lingering.add(socket);
        socket.once("close", () => lingering.delete(socket));
        linger(socket, options);
      }
      cutLeftOvers();
    });
  });

  return {
    called(stream) {
      const life = stream.session === undefined ? undefined : lives.get(stream.session);
      life?.callBegan();
      stream.once("close", () => life?.callEnded());
    },
    cut(isRefused) {
      for (const [session, socket] of sessions) {
        if (isRefused(socket)) {
          destroy(session, socket);
        }
      }
      for (const socket of [...lingering].filter(isRefused)) {
        socket.destroy();
      }
    },
    retire() {
      isRetiring = true;
      const groups = Math.ceil(sessions.size / groupSize);
      const everyMs = Math.min(groupEveryMs, longestRetirementMs / groups);
      sendGroupAway([...sessions.keys()], everyMs);
      cutLeftOvers();
      return Math.max(0, groups - 1) * everyMs;
    },
    close() {
      for (const session of sessions.keys()) {
        session.close();
      }
    },
  };
}

/**
 * The client closes its side when it has read the last answers. What it sends until then must not meet a closed socket: that
 * would be answered by a reset, which takes away what the client has not read yet.
 */
function linger(socket: TLSSocket, { clock, pingTimeoutMs }: PingTimes): void {
  const patience = clock.after(pingTimeoutMs, () => socket.destroy());
  socket.once("close", () => patience[Symbol.dispose]());
}

/** Destroying a session alone keeps the descriptor for as long as its peer is frozen. */
function destroy(session: ServerHttp2Session, socket: TLSSocket): void {
  session.destroy();
  socket.destroy();
}
