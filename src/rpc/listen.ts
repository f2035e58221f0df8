import { createSecureServer, type Http2SecureServer, type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import type { ConnectRouter, Interceptor } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import type { Clock } from "../runtime/clock.ts";
import { type PeerCertificate, peerContext } from "./peer.ts";
import { keepAlive } from "./server-ping.ts";
import { strictTls, type TlsIdentity } from "./tls-options.ts";

export interface RpcServerOptions {
  /** An empty host listens on all addresses; port 0 takes a free one. */
  readonly bind: { readonly host: string; readonly port: number };
  readonly tls: TlsIdentity;
  readonly routes: (router: ConnectRouter) => void;
  readonly interceptors: readonly Interceptor[];
  readonly clock: Clock;
  /** How often a connection is pinged, and how long the answer may take before the connection is destroyed. */
  readonly pingIntervalMs: number;
  readonly pingTimeoutMs: number;
  /** Hears of each client that TLS turned away, with OpenSSL's name for the reason. */
  readonly onRefusedHandshake: (reason: string) => void;
  /** Hears of handlers that threw what is not an RPC error. */
  readonly onBrokenHandler: (error: unknown) => void;
}

export interface RpcServer {
  readonly port: number;
  /** What new connections get; those that stand are left alone. Throws what OpenSSL says of bad material, and keeps the old. */
  replaceTls(tls: TlsIdentity): void;
  /** Closes connections whose certificate is no longer acceptable. */
  closeConnections(isRefused: (peer: PeerCertificate) => boolean): void;
  /** Takes no more connections and ends the streams in order; resolves when all are gone, by force after `graceMs`. */
  close(graceMs: number): Promise<void>;
}

/** A TLS handshake that takes longer is cut off. */
const handshakeTimeoutMs = 10_000;

/** Messages are small: the largest request is a node's claim. */
const largestRequestBytes = 64 * 1024;

/** @throws Error where the address can't be listened on. */
export async function listenRpc(options: RpcServerOptions): Promise<RpcServer> {
  const stopping = new AbortController();
  const handle = connectNodeAdapter({
    routes: options.routes,
    interceptors: [...options.interceptors],
    acceptCompression: [],
    readMaxBytes: largestRequestBytes,
    shutdownSignal: stopping.signal,
    contextValues: peerContext,
  });
  const server = createSecureServer(
    { ...strictTls(options.tls), requestCert: true, handshakeTimeout: handshakeTimeoutMs },
    (request, response) => {
      // A handler that waits in `yield` for the client to read would never learn that the client has left.
      response.stream.once("close", () => response.emit("drain"));
      try {
        handle(request, response);
      } catch (error) {
        options.onBrokenHandler(error);
        response.stream.close();
      }
    },
  );
  const sessions = trackSessions(server, options);
  server.on("tlsClientError", (error: NodeJS.ErrnoException) =>
    options.onRefusedHandshake(error.code ?? error.message),
  );
  server.on("sessionError", () => undefined); // An ordinary disconnect comes as an error here; the session's own listener sees to it.

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.bind.port, options.bind.host === "" ? undefined : options.bind.host, resolve);
  });

  return {
    port: (server.address() as AddressInfo).port,
    replaceTls: (tls) => server.setSecureContext(strictTls(tls)),
    closeConnections(isRefused) {
      for (const [session, socket] of sessions) {
        if (isRefused(socket.getPeerCertificate())) {
          destroy(session, socket);
        }
      }
    },
    async close(graceMs) {
      stopping.abort();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const session of sessions.keys()) {
        session.close();
      }
      using _force = options.clock.after(graceMs, () => {
        for (const [session, socket] of sessions) {
          destroy(session, socket);
        }
      });
      await closed;
    },
  };
}

/** Every open session with its socket: destroying a session alone leaks the descriptor while the peer is frozen. */
function trackSessions(
  server: Http2SecureServer,
  options: RpcServerOptions,
): ReadonlyMap<ServerHttp2Session, TLSSocket> {
  const sessions = new Map<ServerHttp2Session, TLSSocket>();
  let newest: TLSSocket | undefined;
  server.prependListener("secureConnection", (socket: TLSSocket) => {
    newest = socket;
  });
  server.on("session", (session) => {
    const socket = newest;
    if (socket === undefined) {
      session.destroy();
      return;
    }
    sessions.set(session, socket);
    const pings = keepAlive(session, options, () => destroy(session, socket));
    session.on("error", () => undefined);
    session.once("close", () => {
      sessions.delete(session);
      pings[Symbol.dispose]();
    });
  });
  return sessions;
}

function destroy(session: ServerHttp2Session, socket: TLSSocket): void {
  session.destroy();
  socket.destroy();
}
