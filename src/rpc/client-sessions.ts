import { type ClientHttp2Session, type ClientHttp2Stream, connect, type OutgoingHttpHeaders } from "node:http2";
import type { TLSSocket } from "node:tls";
import { Code, ConnectError } from "@connectrpc/connect";
import { reasonOf } from "../runtime/logger.ts";
import { type KeepAlive, keepAlive, type PingTimes } from "./keep-alive.ts";

export interface SessionOptions extends PingTimes {
  /** Whether to ping while no call is open. */
  readonly pingIdle: boolean;
  /** Starts a connection; its handshake may still be under way. */
  readonly openSocket: () => TLSSocket;
  /** The server has asked the client to leave: calls under way go on for some time, new ones get another connection. */
  readonly onGoAway?: (why: string) => void;
  /** A connection has closed, whoever closed it; the next call opens another. */
  readonly onClosed?: () => void;
}

/** What a gRPC transport asks of whoever keeps its connection. Dispose it to close the connection with all its calls. */
export interface ClientSessions extends Disposable {
  readonly authority: string;
  request(method: string, path: string, headers: OutgoingHttpHeaders, options: object): Promise<ClientHttp2Stream>;
  notifyResponseByteRead(stream: ClientHttp2Stream): void;
}

interface OpenSession {
  readonly session: ClientHttp2Session;
  readonly pings: KeepAlive;
  calls: number;
  usedAtMs: number;
}

/** A session that is lost between being found usable and being used is replaced this often for one call. */
const triesPerCall = 3;

/**
 * Keeps one HTTP/2 session for the calls to one server: opened by the first call, and again after it was lost or told to go
 * away; calls under way stay on the session they began on. It stands in for the library's own, which pings sessions after
 * they were destroyed, and under Bun that throws where nobody can catch it.
 */
export function createClientSessions(authority: string, options: SessionOptions): ClientSessions {
  let current: Promise<OpenSession> | undefined;
  let { pingIntervalMs } = options;
  const sessions = new Set<ClientHttp2Session>();

  function open(): Promise<OpenSession> {
    const { promise, resolve, reject } = Promise.withResolvers<OpenSession>();
    const socket = options.openSocket();
    const session = connect(authority, { createConnection: () => socket });
    sessions.add(session);

    function fail(error: unknown): void {
      current = current === promise ? undefined : current;
      reject(unavailable(authority, error));
    }

    socket.once("error", fail);
    session.on("error", fail);
    session.once("close", () => {
      sessions.delete(session);
      fail(new Error("connection closed"));
      options.onClosed?.();
    });
    session.once("goaway", (_code, _lastStreamId, data) => {
      pingIntervalMs *= isTooManyPings(data) ? 2 : 1;
      session.close();
      options.onGoAway?.(new TextDecoder().decode(data));
    });
    session.once("connect", () => {
      const opened: OpenSession = {
        session,
        calls: 0,
        usedAtMs: options.clock.now(),
        pings: startPings(session, () => opened.calls),
      };
      resolve(opened);
    });
    return promise;
  }

  function startPings(session: ClientHttp2Session, calls: () => number): KeepAlive {
    const silence = new Error(`no answer to a ping in ${options.pingTimeoutMs} ms`);
    const pings = keepAlive(
      session,
      { clock: options.clock, pingIntervalMs, pingTimeoutMs: options.pingTimeoutMs },
      () => session.destroy(unavailable(authority, silence)),
      () => options.pingIdle || calls() > 0,
    );
    session.once("close", () => pings[Symbol.dispose]());
    return pings;
  }

  function startCall(opened: OpenSession, headers: OutgoingHttpHeaders): ClientHttp2Stream | undefined {
    if (opened.session.closed || opened.session.destroyed) {
      return undefined;
    }
    const call = opened.session.request(headers);
    opened.calls += 1;
    failUnanswered(call);
    call.once("close", () => {
      opened.calls -= 1;
      opened.usedAtMs = options.clock.now();
    });
    if (!options.pingIdle && opened.calls === 1 && options.clock.now() - opened.usedAtMs > pingIntervalMs) {
      opened.pings.pingNow(); // Nobody has looked for a while whether the server is still there.
    }
    return call;
  }

  return {
    authority,
    async request(method, path, headers) {
      for (let attempt = 0; attempt < triesPerCall; attempt += 1) {
        current ??= open();
        const found = current;
        const call = startCall(await found, { ...headers, ":method": method, ":path": path });
        if (call !== undefined) {
          return call;
        }
        current = current === found ? undefined : current;
      }
      throw unavailable(authority, new Error("connections are closed as soon as they are made"));
    },
    notifyResponseByteRead: () => undefined,
    [Symbol.dispose]() {
      current = undefined;
      for (const session of sessions) {
        session.destroy(unavailable(authority, new Error("connection closed by its owner")));
      }
    },
  };
}

/** A server that destroys its session ends calls without an error, and one that waits for its answer would wait for ever. */
function failUnanswered(call: ClientHttp2Stream): void {
  let isAnswered = false;
  call.once("response", () => {
    isAnswered = true;
  });
  call.on("error", () => undefined); // Whoever made the call listens too, and hears of it.
  call.once("close", () => {
    if (!isAnswered) {
      call.emit("error", new Error("connection closed before the answer"));
    }
  });
}

function unavailable(authority: string, cause: unknown): ConnectError {
  return cause instanceof ConnectError
    ? cause
    : new ConnectError(`${authority}: ${reasonOf(cause)}`, Code.Unavailable, undefined, undefined, cause);
}

/** A Go server's complaint: https://github.com/grpc/proposal/blob/master/A8-client-side-keepalive.md */
function isTooManyPings(data: Uint8Array | undefined): boolean {
  return data !== undefined && new TextDecoder().decode(data) === "too_many_pings";
}
