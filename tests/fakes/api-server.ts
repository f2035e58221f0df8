import { createServer as createHttp, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttps } from "node:https";
import type { AddressInfo, Socket } from "node:net";

/** An API server that does what the test tells it to: each request waits until the test takes it and answers. */
export interface FakeApiServer extends AsyncDisposable {
  readonly baseUrl: string;
  /** How many requests have come, taken or not. */
  readonly requests: number;
  /** The oldest request not taken yet, or the next to come. */
  next(): Promise<FakeRequest>;
}

export interface FakeRequest {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  /** The same object for requests over the same connection. */
  readonly connection: object;
  /** The whole answer at once. */
  answer(status: number, body: unknown, headers?: Readonly<Record<string, string>>): void;
  /** The head of an answer whose body goes on. */
  open(): void;
  /** A part of the body; what is not bytes or text becomes a line of JSON. Resolves once it is on its way. */
  send(part: unknown): Promise<void>;
  /** The body's orderly end. */
  end(): void;
  /** The connection cut in the middle of it. */
  cut(): void;
  /** Resolves once the client has closed the connection or cancelled the request. */
  readonly left: Promise<void>;
}

export interface FakeApiServerTls {
  readonly cert: string;
  readonly key: string;
  /** Whose client certificates are demanded; nobody's where it is absent. */
  readonly clientCa?: string;
}

/** Listens on an ephemeral port of 127.0.0.1, over TLS where there is a certificate. */
export async function startFakeApiServer(tls?: FakeApiServerTls): Promise<FakeApiServer> {
  const untaken: FakeRequest[] = [];
  const takers: ((request: FakeRequest) => void)[] = [];
  const sockets = new Set<Socket>();
  let requests = 0;

  async function onRequest(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const request = await fakeRequest(message, response);
    requests += 1;
    const taker = takers.shift();
    if (taker === undefined) {
      untaken.push(request);
    } else {
      taker(request);
    }
  }

  const handle = (message: IncomingMessage, response: ServerResponse) => void onRequest(message, response);
  const server =
    tls === undefined
      ? createHttp(handle)
      : createHttps({ cert: tls.cert, key: tls.key, ...demanding(tls.clientCa) }, handle);
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;

  return {
    baseUrl: `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    get requests() {
      return requests;
    },
    async next() {
      return untaken.shift() ?? (await new Promise<FakeRequest>((resolve) => takers.push(resolve)));
    },
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) {
        socket.destroy();
      }
    },
  };
}

async function fakeRequest(message: IncomingMessage, response: ServerResponse): Promise<FakeRequest> {
  const parts: Buffer[] = [];
  for await (const part of message) {
    parts.push(part as Buffer);
  }
  const url = new URL(message.url ?? "", "http://fake");
  const left = Promise.withResolvers<void>();
  response.on("close", left.resolve);
  return {
    method: message.method ?? "",
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    headers: message.headers,
    body: Buffer.concat(parts).toString(),
    connection: message.socket,
    answer(status, body, headers = {}) {
      response.writeHead(status, { "Content-Type": "application/json", ...headers });
      response.end(typeof body === "string" ? body : JSON.stringify(body));
    },
    open() {
      response.writeHead(200, { "Content-Type": "application/json" });
      response.flushHeaders();
    },
    async send(part) {
      const bytes = typeof part === "string" || part instanceof Uint8Array ? part : `${JSON.stringify(part)}\n`;
      await new Promise<void>((resolve) => response.write(bytes, () => resolve()));
    },
    end: () => void response.end(),
    cut: () => void message.socket.destroy(),
    left: left.promise,
  };
}

function demanding(clientCa: string | undefined) {
  return clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true };
}
