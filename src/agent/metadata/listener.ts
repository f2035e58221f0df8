import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { type Logger, reasonOf } from "../../runtime/logger.ts";
import { type Answer, rawAnswer } from "./answer.ts";
import { type Callers, callerOf } from "./callers.ts";
import type { Connection, Connections } from "./connections.ts";
import { hangUpSignal } from "./hang-up.ts";
import { refuse } from "./refusal.ts";
import { readHeaders } from "./request.ts";
import type { Handle } from "./router.ts";

export interface ListenerOptions {
  /** `undefined` listens on all addresses, IPv4 and IPv6. */
  readonly host: string | undefined;
  /** 0 takes a free one. */
  readonly port: number;
  readonly callers: Callers;
  readonly connections: Connections;
  readonly handle: Handle;
  readonly log: Pick<Logger, "error">;
}

export interface Listener {
  readonly port: number;
  /** Takes no more connections and closes idle ones; resolves when all are closed. */
  close(): Promise<void>;
  /** Closes what is open, answered or not. */
  closeNow(): void;
}

const limits = {
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  connectionsCheckingInterval: 1_000,
  /** Longer than the pause between an SDK's two or three requests. */
  keepAliveTimeout: 10_000,
  /** A token is 52 bytes of ours or 56 of the real service, a role's ARN 600 at most. */
  maxHeaderSize: 8_192,
  requireHostHeader: false,
} as const;

/** @throws Error where the address can't be listened on. */
export async function listen(options: ListenerOptions): Promise<Listener> {
  const server = createServer(limits, (request, response) => answerRequest(request, response, options));
  // Bun tells of a connection with its first bytes; those that stay silent are closed after the time for a request.
  server.on("connection", (socket) => {
    if (options.connections.open(socket) === "cut") {
      socket.destroy();
    }
  });
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => {
    sayAndClose(socket as Socket, clientErrorAnswer(error.code));
  });
  await bind(server, options);
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      }),
    closeNow: () => server.closeAllConnections(),
  };
}

async function bind(server: Server, { host, port }: ListenerOptions): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen({ port, ...(host === undefined ? {} : { host }) }, resolve);
  await promise;
  server.removeListener("error", reject);
}

/** A client that does not close its end in that time has it closed. */
const farewellMs = 1_000;

function sayAndClose(socket: Socket, answer: Answer): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  socket.setTimeout(farewellMs, () => socket.destroy());
  socket.end(rawAnswer(answer));
}

function clientErrorAnswer(code: string | undefined): Answer {
  switch (code) {
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return refuse({ kind: "too-slow" });
    case "HPE_HEADER_OVERFLOW":
      return refuse({ kind: "too-large" });
    default:
      return refuse({ kind: "malformed", problem: "not an HTTP request" });
  }
}

function answerRequest(request: IncomingMessage, response: ServerResponse, options: ListenerOptions): void {
  try {
    const connection = options.connections.of(request.socket);
    if (connection === undefined) {
      write(response, refuse({ kind: "too-many-connections" }));
      return;
    }
    if (connection.backlog.isFull) {
      request.socket.destroy();
      return;
    }
    const answer = answerOf(request, response, connection, options);
    if (answer instanceof Promise) {
      connection.backlog.add(response);
      answer.then(
        (late) => writeLate(response, late, connection),
        () => response.destroy(), // The client has hung up.
      );
      return;
    }
    write(response, answer);
    // A timer for each connection would cost every request; few ever find the socket full.
    if (!response.writableFinished) {
      connection.backlog.add(response);
      connection.backlog.expectReading();
    }
  } catch (error) {
    options.log.error("request failed", { error: reasonOf(error) });
    response.destroy();
  }
}

function answerOf(
  request: IncomingMessage,
  response: ServerResponse,
  connection: Connection,
  { callers, handle }: ListenerOptions,
): Answer | Promise<Answer> {
  const target = request.url ?? "";
  const headers = readHeaders(request.rawHeaders);
  const caller = callerOf(callers, connection, target);
  if (caller === undefined) {
    return refuse({ kind: "malformed", problem: "?ip= is not an address" });
  }
  if (callers.kind !== "socket" && headers.isFromWebPage) {
    return refuse({ kind: "browser" });
  }
  if (headers.host === undefined && request.httpVersion !== "1.0") {
    return refuse({ kind: "malformed", problem: "the Host header is missing" });
  }
  let signal: AbortSignal | undefined;
  return handle({
    method: request.method ?? "",
    target,
    headers,
    client: caller.client,
    belongsTo: caller.belongsTo,
    isFromNode: connection.isFromNode,
    local: connection.local,
    get signal() {
      signal ??= hangUpSignal(response);
      return signal;
    },
  });
}

function writeLate(response: ServerResponse, answer: Answer, { backlog }: Connection): void {
  write(response, answer);
  if (!response.writableFinished) {
    backlog.expectReading();
  }
}

function write(response: ServerResponse, answer: Answer): void {
  if (response.destroyed) {
    return;
  }
  response.writeHead(answer.status, answer.headers);
  response.end(answer.body, answer.bodyEncoding ?? "utf8"); // Left out by itself for HEAD.
}
