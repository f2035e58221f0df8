import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { type ContextKey, createContextKey } from "@connectrpc/connect";

/**
 * Writes a stream's messages past the library, which spends 100 µs and more on each and keeps the last for as long as the
 * stream lives. A handler that writes by this yields nothing, and ends the stream by returning or throwing as ever.
 */
export interface FrameWriter {
  /**
   * Resolves when there is room for more. A client that makes none is left when the signal is aborted: nothing else would
   * end its stream, for it is owed what it does not read.
   */
  write(message: Uint8Array, signal: AbortSignal): Promise<void>;
  /** Told of each message written. */
  onWrite: () => void;
}

/** Where a handler finds it; absent where the client speaks JSON, and where no connection is between. */
export const framesKey: ContextKey<FrameWriter | undefined> = createContextKey<FrameWriter | undefined>(undefined, {
  description: "the way to write messages past the library",
});

export function createFrameWriter(
  request: Pick<Http2ServerRequest, "headers">,
  response: Http2ServerResponse,
): FrameWriter | undefined {
  const contentType = request.headers["content-type"] ?? "";
  if (!binaryTypes.includes(contentType)) {
    return undefined;
  }
  const writer: FrameWriter = {
    async write(message, signal) {
      if (response.stream.destroyed || signal.aborted) {
        return;
      }
      if (!response.headersSent) {
        sendHead(response, contentType);
      }
      writer.onWrite();
      if (!response.write(frameOf(message))) {
        await room(response, signal);
      }
    },
    onWrite: () => undefined,
  };
  return writer;
}

/** At the end the library would send it again, and fail. A function of its own: a closure keeps all that is around it. */
function sendHead(response: Http2ServerResponse, contentType: string): void {
  response.writeHead(200, { "content-type": contentType });
  response.writeHead = () => response;
}

/** https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md: not compressed, the length, the message. */
function frameOf(message: Uint8Array): Uint8Array {
  const frame = new Uint8Array(prefixBytes + message.length);
  new DataView(frame.buffer).setUint32(1, message.length);
  frame.set(message, prefixBytes);
  return frame;
}

const prefixBytes = 5;
const binaryTypes = ["application/grpc", "application/grpc+proto"];

async function room(response: Http2ServerResponse, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const leave = () => {
    response.stream.close();
    resolve();
  };
  response.once("drain", resolve);
  signal.addEventListener("abort", leave, { once: true });
  await promise;
  response.off("drain", resolve);
  signal.removeEventListener("abort", leave);
}
