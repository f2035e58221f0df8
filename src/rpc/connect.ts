import { isIP } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { Interceptor, Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { formatHostPort } from "../domain/host-port.ts";
import type { Clock } from "../runtime/clock.ts";
import { isCertificateRefusal } from "./certificate-refusal.ts";
import { createClientSessions } from "./client-sessions.ts";
import { connectionErrors } from "./connection-errors.ts";
import { strictTls, type TlsIdentity } from "./tls-options.ts";

export interface Endpoint {
  /** The address to connect to. */
  readonly address: string;
  readonly port: number;
  /** What the server's certificate must be valid for. */
  readonly serverName: string;
}

export interface ConnectionOptions {
  readonly tls: TlsIdentity;
  readonly interceptors: readonly Interceptor[];
  readonly clock: Clock;
  /** How long connecting and the TLS handshake may take together. */
  readonly connectTimeoutMs: number;
  readonly pingIntervalMs: number;
  readonly pingTimeoutMs: number;
  /** Whether to ping while no call is open; Go servers answer that with GOAWAY. */
  readonly pingIdle: boolean;
  /** The server has asked this client to leave, for what it says; new calls get another connection to the same server. */
  readonly onGoAway?: (why: string) => void;
  /** A connection has closed, whoever closed it; the next call opens another. */
  readonly onClosed?: () => void;
  /** Hears of each handshake that failed because of a certificate, with OpenSSL's name for the reason. */
  readonly onRefusedCertificate?: (reason: string) => void;
}

export interface RpcConnection extends Disposable {
  readonly transport: Transport;
  /** The certificate, DER, that the server showed last; `undefined` where there was no handshake yet. */
  serverCertificate(): Uint8Array | undefined;
}

/** A snapshot of a large node is about 1 MB; the Go release's limit is 4 MiB. */
const largestAnswerBytes = 16 * 1024 * 1024;

/**
 * One HTTP/2 connection to one server, opened by the first call and again after it was lost. A call that the connection
 * fails, or that finds no server, ends with Code.Unavailable; Code.Canceled is the caller's own doing. Dispose it to close
 * it with all its calls.
 */
export function connectRpc(endpoint: Endpoint, options: ConnectionOptions): RpcConnection {
  // As URL writes it (a default port is left out), because the transport compares it with each request's.
  const baseUrl = new URL(`https://${formatHostPort(endpoint.serverName, endpoint.port)}`).origin;
  let shown: Uint8Array | undefined;
  const openSocket = () => {
    const socket = openTls(endpoint, options);
    socket.once("secureConnect", () => {
      shown = socket.getPeerCertificate().raw;
    });
    return socket;
  };
  const sessions = createClientSessions(baseUrl, { ...options, openSocket });
  const transport = createGrpcTransport({
    baseUrl,
    sessionManager: sessions,
    interceptors: [...options.interceptors, connectionErrors],
    acceptCompression: [],
    readMaxBytes: largestAnswerBytes,
  });
  return {
    transport: { unary: transport.unary, stream: (...call) => unlessUnread(transport.stream(...call)) },
    serverCertificate: () => shown,
    [Symbol.dispose]: () => sessions[Symbol.dispose](),
  };
}

/** A stream begins before it is read; one that is never read may fail without ending the process. */
function unlessUnread<T>(stream: Promise<T>): Promise<T> {
  stream.catch(() => undefined);
  return stream;
}

/** The library has no limit on connecting: one handshake that hangs would block all calls for ever. */
function openTls(endpoint: Endpoint, options: ConnectionOptions): TLSSocket {
  const socket = connectTls({
    ...strictTls(options.tls),
    host: endpoint.address,
    port: endpoint.port,
    ...(isIP(endpoint.serverName) === 0 ? { servername: endpoint.serverName } : {}),
    ALPNProtocols: ["h2"],
  });
  socket.once("error", ({ code = "" }: NodeJS.ErrnoException) => {
    if (isCertificateRefusal(code)) {
      options.onRefusedCertificate?.(code);
    }
  });
  const timer = options.clock.after(options.connectTimeoutMs, () => {
    socket.destroy(
      new Error(`no TLS connection to ${endpoint.address}:${endpoint.port} in ${options.connectTimeoutMs} ms`),
    );
  });
  socket.once("secureConnect", () => timer[Symbol.dispose]());
  socket.once("close", () => timer[Symbol.dispose]());
  return socket;
}
