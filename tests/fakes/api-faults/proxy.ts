import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer as createHttps } from "node:https";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { Clock } from "../../../src/runtime/clock.ts";
import type { Dice } from "../../fixtures/dice.ts";
import type { ApiFault, ConnectionFault } from "./fault.ts";
import { type AnswerBody, piecesOf } from "./pieces.ts";

/** What a request is for: each has one follower, which asks for one thing at a time. */
export interface ProxiedRequest {
  readonly resource: string;
  readonly step: "list" | "next-page" | "watch";
}

/** What came through, in order. */
export type ProxyRecord =
  | (ProxiedRequest & { readonly kind: "asked"; readonly atMs: number; readonly fault: ApiFault["kind"] })
  | (ProxiedRequest & { readonly kind: "told-to-wait"; readonly atMs: number; readonly waitMs: number });

export interface ApiFaultProxyOptions {
  /** PEM texts. */
  readonly tls: { readonly cert: string; readonly key: string };
  /** Asks the API server itself. */
  readonly forward: (path: string, authorization: string, signal: AbortSignal) => Promise<Response>;
  readonly clock: Clock;
  readonly dice: Dice;
}

/** Stands before an API server, and does to its clients what a test says. */
export interface ApiFaultProxy extends AsyncDisposable {
  readonly port: number;
  /** What becomes of each request from now on; all pass at first. */
  decide: (request: ProxiedRequest) => ApiFault;
  decideConnection: () => ConnectionFault;
  /** The only token that is let in from now on; any where it is undefined. */
  onlyToken: string | undefined;
  /** From now on nothing more comes over answers that have begun, for ever: as where a network forgets its connections. */
  freeze(): void;
  readonly records: readonly ProxyRecord[];
}

/** Listens on an ephemeral port of 127.0.0.1. */
export async function createApiFaultProxy(options: ApiFaultProxyOptions): Promise<ApiFaultProxy> {
  const { clock, dice } = options;
  const records: ProxyRecord[] = [];
  const sockets = new Set<Socket>();
  const closing = new AbortController();
  let timesFrozen = 0;

  const after = (ms: number) => new Promise<void>((resolve) => void clock.after(ms, resolve));

  async function onRequest(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(message.url ?? "", "https://proxy");
    const request = requestOf(url);
    const authorization = message.headers.authorization ?? "";
    const isKnown = proxy.onlyToken === undefined || authorization === `Bearer ${proxy.onlyToken}`;
    const fault: ApiFault = isKnown ? proxy.decide(request) : { kind: "refuse", status: 401 };
    records.push({ ...request, kind: "asked", atMs: clock.now(), fault: fault.kind });
    switch (fault.kind) {
      case "hang":
        return;
      case "reset":
        message.socket.destroy();
        return;
      case "refuse":
        refuse(fault, request, response);
        return;
      case "small-pages":
        url.searchParams.set("limit", String(fault.limit));
        break;
      default:
    }
    await passOn(fault, url, authorization, message, response);
  }

  function refuse(
    { status, retryAfterSeconds }: Extract<ApiFault, { kind: "refuse" }>,
    request: ProxiedRequest,
    response: ServerResponse,
  ): void {
    if (retryAfterSeconds !== undefined) {
      records.push({ ...request, kind: "told-to-wait", atMs: clock.now(), waitMs: retryAfterSeconds * 1000 });
    }
    response.writeHead(status, {
      "Content-Type": "application/json",
      ...(retryAfterSeconds === undefined ? {} : { "Retry-After": String(retryAfterSeconds) }),
    });
    response.end(JSON.stringify({ kind: "Status", code: status, message: `refused by the test: ${status}` }));
  }

  async function passOn(
    fault: ApiFault,
    url: URL,
    authorization: string,
    message: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    const left = new AbortController();
    const leave = () => left.abort(new Error("the client has left"));
    response.on("close", leave);
    closing.signal.addEventListener("abort", leave, { once: true });
    try {
      const answer = await options.forward(`${url.pathname}${url.search}`, authorization, left.signal);
      response.writeHead(answer.status, { "Content-Type": "application/json" });
      response.flushHeaders();
      const resourceVersion = url.searchParams.get("resourceVersion") ?? "";
      const chunks = answer.body ?? new Blob().stream();
      await write(fault, { chunks, resourceVersion, after }, { message, response, left: left.signal });
    } catch {
      // The API server is away, or the client: what the other side would see.
      message.socket.destroy();
    } finally {
      closing.signal.removeEventListener("abort", leave);
      leave();
    }
  }

  async function write(
    fault: ApiFault,
    body: AnswerBody,
    {
      message,
      response,
      left,
    }: { readonly message: IncomingMessage; readonly response: ServerResponse; readonly left: AbortSignal },
  ): Promise<void> {
    const began = timesFrozen;
    const gone = new Promise<void>((resolve) => left.addEventListener("abort", () => resolve(), { once: true }));
    for await (const piece of piecesOf(fault, body, dice)) {
      if (timesFrozen !== began) {
        await gone;
      }
      if (left.aborted) {
        return;
      }
      switch (piece.kind) {
        case "send":
          await Promise.race([new Promise<void>((resolve) => response.write(piece.bytes, () => resolve())), gone]);
          break;
        case "wait":
          await Promise.race([after(piece.ms), gone]);
          break;
        case "hang":
          await gone;
          return;
        case "cut":
          message.socket.destroy();
          return;
        default:
          piece satisfies never;
      }
    }
    response.end();
  }

  const https = createHttps(options.tls, (message, response) => void onRequest(message, response));
  const inside = await listenOn(https);
  // In front of TLS, where a connection can be lost before anything is said over it.
  const front = createServer((near) => {
    sockets.add(near);
    near.on("error", () => undefined);
    near.on("close", () => sockets.delete(near));
    const fault = proxy.decideConnection();
    if (fault === "reset") {
      near.resetAndDestroy();
    } else if (fault === "pass") {
      const far = connect({ host: "127.0.0.1", port: inside });
      far.on("error", () => near.resetAndDestroy());
      far.on("close", () => near.destroySoon());
      near.on("close", () => far.destroy());
      near.pipe(far).pipe(near);
    }
  });

  const proxy: ApiFaultProxy = {
    port: await listenOn(front),
    decide: () => ({ kind: "pass" }),
    decideConnection: () => "pass",
    onlyToken: undefined,
    records,
    freeze() {
      timesFrozen += 1;
    },
    async [Symbol.asyncDispose]() {
      closing.abort();
      front.close();
      https.close();
      for (const socket of sockets) {
        socket.destroy();
      }
      https.closeAllConnections();
    },
  };
  return proxy;
}

async function listenOn(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

function requestOf({ pathname, searchParams }: URL): ProxiedRequest {
  const resource = pathname.slice("/api/v1/".length);
  if (searchParams.has("watch")) {
    return { resource, step: "watch" };
  }
  return { resource, step: searchParams.has("continue") ? "next-page" : "list" };
}
