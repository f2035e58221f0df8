import type { Http2SecureServer, ServerHttp2Session } from "node:http2";
import type { TLSSocket } from "node:tls";
import { keepAlive, type PingTimes } from "./keep-alive.ts";
import { createStrangers } from "./strangers.ts";

/** The connections of a server, in whatever state they are. */
export interface ServerSessions {
  /** Cuts the connections whose socket is refused. */
  cut(isRefused: (socket: TLSSocket) => boolean): void;
  /** Lets no new session begin, tells the clients of the others to go, and cuts what is not a session once the last is gone. */
  retire(): void;
}

/** Follows every connection of a server and pings each session. */
export function trackSessions(server: Http2SecureServer, times: PingTimes): ServerSessions {
  const sockets = new Set<TLSSocket>();
  const sessions = new Map<ServerHttp2Session, TLSSocket>();
  const strangers = createStrangers();
  let handshaken: TLSSocket | undefined;
  let isRetiring = false;

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
    const pings = keepAlive(session, times, () => destroy(session, socket));
    session.on("error", () => undefined); // Ordinary disconnects come as errors; what matters is the close.
    session.once("close", () => {
      sessions.delete(session);
      pings[Symbol.dispose]();
      cutLeftOvers();
    });
  });

  return {
    cut(isRefused) {
      for (const [session, socket] of sessions) {
        if (isRefused(socket)) {
          destroy(session, socket);
        }
      }
    },
    retire() {
      isRetiring = true;
      for (const session of sessions.keys()) {
        session.close();
      }
      cutLeftOvers();
    },
  };
}

/** Destroying a session alone keeps the descriptor for as long as its peer is frozen. */
function destroy(session: ServerHttp2Session, socket: TLSSocket): void {
  session.destroy();
  socket.destroy();
}
