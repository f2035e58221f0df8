import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { Code, ConnectError, type ConnectRouter, createConnectRouter, type Interceptor } from "@connectrpc/connect";
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from "@connectrpc/connect-node";
import { createFrameWriter, framesKey } from "./frames.ts";
import { peerContext } from "./peer.ts";

export interface DispatchOptions {
  readonly routes: (router: ConnectRouter) => void;
  readonly interceptors: readonly Interceptor[];
  /** Ends streams and waits in order; its reason is what unary calls that are waiting end with. */
  readonly stopping: AbortSignal;
  /** Hears of handlers that threw what is not an RPC error. */
  readonly onBrokenHandler: (error: unknown) => void;
}

/** Messages are small: the largest request is a node's claim. */
const largestRequestBytes = 64 * 1024;

/** Hands requests to the handlers of the routes: the library's adapter speaks to the console and swallows what handlers throw. */
export function createDispatch(options: DispatchOptions) {
  const router = createConnectRouter({
    connect: false,
    grpcWeb: false,
    acceptCompression: [],
    readMaxBytes: largestRequestBytes,
    interceptors: [...options.interceptors, reportBroken(options.onBrokenHandler)],
    shutdownSignal: options.stopping,
  });
  options.routes(router);
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));

  return async (request: Http2ServerRequest, response: Http2ServerResponse): Promise<void> => {
    // A handler that waits in `yield` for the client to read would never learn that the client has left.
    response.stream.once("close", () => response.emit("drain"));
    // A request that was not read to its end (too large) would keep its stream open for as long as the connection lives.
    response.stream.once("finish", () => {
      if (!request.readableEnded) {
        response.stream.close();
      }
    });
    const handler = handlers.get(request.url);
    if (handler === undefined) {
      response.writeHead(404).end();
      return;
    }
    try {
      const context = peerContext(request).set(framesKey, createFrameWriter(request, response));
      const call = universalRequestFromNodeRequest(request, response, undefined, context);
      await universalResponseToNodeResponse(await handler(call), response);
    } catch (error) {
      if (!isDisconnect(error, response)) {
        options.onBrokenHandler(error);
      }
      response.stream.close();
    }
  };
}

function isDisconnect(error: unknown, response: Http2ServerResponse): boolean {
  return response.stream.destroyed || ConnectError.from(error).code === Code.Aborted;
}

/** What a handler throws that is no RPC error reaches the client as "internal error" and nobody else: this is who hears of it. */
function reportBroken(report: (error: unknown) => void): Interceptor {
  const isBroken = (error: unknown, signal: AbortSignal) => !(error instanceof ConnectError) && !signal.aborted;
  return (next) => async (request) => {
    async function* watched<T>(messages: AsyncIterable<T>) {
      try {
        yield* messages;
      } catch (error) {
        if (isBroken(error, request.signal)) {
          report(error);
        }
        throw error;
      }
    }
    try {
      const response = await next(request);
      return response.stream ? { ...response, message: watched(response.message) } : response;
    } catch (error) {
      if (isBroken(error, request.signal)) {
        report(error);
      }
      throw error;
    }
  };
}
