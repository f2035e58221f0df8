import { createSecureServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { Server, type TLSSocket } from "node:tls";
import { Code, ConnectError, type ConnectRouter, type Interceptor } from "@connectrpc/connect";
import type { ConnectionLifeOptions } from "./connection-life.ts";
import { createDispatch } from "./dispatch.ts";
import type { PingTimes } from "./keep-alive.ts";
import type { PeerCertificate } from "./peer.ts";
import { trackSessions } from "./server-sessions.ts";
import { strictTls, type TlsIdentity } from "./tls-options.ts";

export interface RpcServerOptions extends PingTimes, ConnectionLifeOptions {
  /** An empty host listens on all addresses; port 0 takes a free one. */
  readonly bind: { readonly host: string; readonly port: number };
  readonly tls: TlsIdentity;
  readonly routes: (router: ConnectRouter) => void;
  readonly interceptors: readonly Interceptor[];
  /** Hears of each client that TLS turned away, or that left before, with OpenSSL's name for the reason. */
  readonly onRefusedHandshake: (reason: string, remoteAddress: string) => void;
  /** Hears of handlers that threw what is not an RPC error. */
  readonly onBrokenHandler: (error: unknown) => void;
}

export interface RpcServer {
  readonly port: number;
  /** What new connections get; those that stand are left alone. Throws what OpenSSL says of bad material, and keeps the old. */
  replaceTls(tls: TlsIdentity): void;
  /** Closes connections whose certificate is no longer acceptable. */
  closeConnections(isRefused: (peer: PeerCertificate) => boolean): void;
  /**
   * Takes no more connections and tells the clients of the others to go, some at a time; `drainMs` after the last was told
   * ends the streams in order and calls that wait with Code.Unavailable; resolves when all are gone, by force `graceMs` after it.
   */
  close(graceMs: number, drainMs?: number): Promise<void>;
}

/** A TLS handshake that takes longer is cut off. */
const handshakeTimeoutMs = 10_000;

/** Calls at a time on one connection; an agent has one stream and a call for each address that it does not know. */
const mostCallsPerConnection = 1_000;

/** @throws Error where the address can't be listened on. */
export async function listenRpc(options: RpcServerOptions): Promise<RpcServer> {
  const stopping = new AbortController();
  const dispatch = createDispatch({ ...options, stopping: stopping.signal });
  const server = createSecureServer(
    {
      ...strictTls(options.tls),
      requestCert: true,
      handshakeTimeout: handshakeTimeoutMs,
      settings: { maxConcurrentStreams: mostCallsPerConnection },
    },
    (request, response) => {
      sessions.called(response.stream);
      void dispatch(request, response);
    },
  );
  const sessions = trackSessions(server, options);
  // Under Bun a socket that was refused does not know any more where it came from.
  const addresses = new WeakMap<object, string>();
  server.on("connection", (socket) => addresses.set(socket, socket.remoteAddress ?? ""));
  server.on("tlsClientError", (error: NodeJS.ErrnoException, socket) =>
    options.onRefusedHandshake(error.code ?? error.message, addresses.get(socket) ?? ""),
  );
  server.on("sessionError", () => undefined); // An ordinary disconnect comes as an error here; the session's own listener sees to it.

  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.bind.port, options.bind.host === "" ? undefined : options.bind.host, resolve);
  });

  return {
    port: (server.address() as AddressInfo).port,
    replaceTls: (tls) => server.setSecureContext(strictTls(tls)),
    closeConnections: (isRefused) => sessions.cut((socket: TLSSocket) => isRefused(certificateOf(socket))),
    async close(graceMs, drainMs = 0) {
      const stop = () => {
        stopping.abort(new ConnectError("this server is stopping", Code.Unavailable));
        sessions.close();
      };
      // The HTTP/2 server's own method would close every session at once.
      const closed = new Promise<void>((resolve) => Server.prototype.close.call(server, () => resolve()));
      const lastToldMs = sessions.retire();
      using drain = drainMs > 0 ? options.clock.after(lastToldMs + drainMs, stop) : undefined;
      if (drain === undefined) {
        stop();
      }
      using _force = options.clock.after(lastToldMs + graceMs, () => sessions.cut(() => true));
      await closed;
    },
  };
}

/** Of a socket that has just closed Bun says `null`, which is nobody's certificate and must keep no other from being looked at. */
function certificateOf(socket: TLSSocket): PeerCertificate {
  return socket.getPeerCertificate() ?? {};
}
