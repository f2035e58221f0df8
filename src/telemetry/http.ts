import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Registry } from "prom-client";
import type { Clock } from "../runtime/clock.ts";
import { createScrape } from "./scrape.ts";

/** What is wrong, in words that name no pod and no role, since anybody may read them; `undefined` where all is well. */
export type Probe = () => string | undefined;

export interface TelemetryOptions {
  /** An empty host listens on all addresses; port 0 takes a free one. */
  readonly listen: { readonly host: string; readonly port: number };
  readonly registry: Pick<Registry, "metrics" | "contentType">;
  /** Whether the process had better be restarted: `/healthz`. */
  readonly healthy: Probe;
  /** Whether the process can do its work now: `/readyz`. */
  readonly ready: Probe;
  readonly clock: Pick<Clock, "now">;
}

export interface TelemetryServer extends AsyncDisposable {
  readonly port: number;
}

export class TelemetryError extends Error {
  override readonly name = "TelemetryError";
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** The listener is on the host network: nobody may hold on to it. */
const limits = {
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  connectionsCheckingInterval: 1_000,
  keepAliveTimeout: 30_000,
};
const mostConnections = 64;

/** Serves `/metrics`, `/healthz` and `/readyz` until disposed. @throws TelemetryError where it can't listen there */
export async function serveTelemetry(options: TelemetryOptions): Promise<TelemetryServer> {
  const scrape = createScrape(options.registry, options.clock);
  const isOnlyOne = createTurns();

  async function answer(request: IncomingMessage): Promise<Answer> {
    if (request.method !== "GET" && request.method !== "HEAD") {
      return { ...plain, status: 405, body: "GET or HEAD\n" };
    }
    switch (request.url?.split("?")[0]) {
      case "/metrics":
        return { status: 200, type: options.registry.contentType, body: await scrape() };
      case "/healthz":
        return probed(options.healthy());
      case "/readyz":
        return probed(options.ready());
      default:
        return { ...plain, status: 404, body: "/metrics, /healthz or /readyz\n" };
    }
  }

  const server = createServer(limits, (request, response) => {
    if (!isOnlyOne(request.socket, response)) {
      request.socket.destroy();
      return;
    }
    answer(request).then(
      (found) => send(response, found),
      () => send(response, { ...plain, status: 500, body: "metrics could not be collected\n" }),
    );
  });
  closeOldestBeyond(mostConnections, server);
  server.on("clientError", (_error, socket) => socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"));
  await listen(server, options.listen);

  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}

const plain = { type: "text/plain; charset=utf-8" };

function probed(problem: string | undefined): Answer {
  return problem === undefined
    ? { ...plain, status: 200, body: "ok\n" }
    : { ...plain, status: 503, body: `${problem}\n` };
}

function send(response: ServerResponse, { status, type, body }: Answer): void {
  response.writeHead(status, {
    "content-type": type,
    "content-length": Buffer.byteLength(body),
    "x-content-type-options": "nosniff",
    ...(status === 405 ? { allow: "GET, HEAD" } : {}),
  });
  response.end(body);
}

/**
 * Whether a request came on its connection after all answers before it were out. Bun keeps every answer in memory that can't be
 * sent yet, however many requests a client sends ahead.
 */
function createTurns(): (socket: Socket, response: ServerResponse) => boolean {
  const busy = new WeakSet<Socket>();
  return (socket, response) => {
    if (busy.has(socket)) {
      return false;
    }
    busy.add(socket);
    response.once("close", () => busy.delete(socket));
    return true;
  };
}

/** Turning away the newest instead would let anybody who holds `most` connections keep the kubelet's probes out. */
function closeOldestBeyond(most: number, server: Server): void {
  const open = new Set<Socket>();
  server.on("connection", (socket) => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
    const [oldest] = open;
    if (open.size > most) {
      oldest?.destroy();
    }
  });
}

async function listen(server: Server, { host, port }: TelemetryOptions["listen"]): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  try {
    server.listen(port, host === "" ? undefined : host, resolve);
    await promise;
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new TelemetryError(`can't serve metrics on ${host === "" ? "*" : host}:${port}: ${reason}`, { cause: error });
  } finally {
    server.off("error", reject);
  }
}
