import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { Counter, type Registry } from "prom-client";
import { framesKey } from "./frames.ts";

/**
 * Counts calls as go-grpc-prometheus does: `grpc_<side>_{started,handled,msg_received,msg_sent}_total` with grpc_type,
 * grpc_service, grpc_method, and grpc_code on handled.
 */
export function countCalls(side: "server" | "client", registry: Registry): Interceptor {
  const labels = ["grpc_type", "grpc_service", "grpc_method"] as const;
  const registers = [registry];
  const counter = (name: string, help: string) =>
    new Counter({ name: `grpc_${side}_${name}_total`, help, labelNames: labels, registers });
  const started = counter("started", `Calls started on the ${side}`);
  const received = counter("msg_received", `Messages received on the ${side}`);
  const sent = counter("msg_sent", `Messages sent by the ${side}`);
  const handled = new Counter({
    name: `grpc_${side}_handled_total`,
    help: `Calls completed on the ${side}, by code`,
    labelNames: [...labels, "grpc_code"] as const,
    registers,
  });
  const [inbound, outbound] = side === "server" ? [received, sent] : [sent, received];

  return (next) => async (request) => {
    const call = {
      grpc_type: request.stream ? "server_stream" : "unary",
      grpc_service: request.service.typeName,
      grpc_method: request.method.name,
    };
    const done = (code: string) => handled.inc({ ...call, grpc_code: code });
    started.inc(call);
    inbound.inc(call);
    try {
      const response = await next(request);
      if (!response.stream) {
        outbound.inc(call);
        done("OK");
        return response;
      }
      const ended = once(done);
      const frames = request.contextValues.get(framesKey);
      if (frames !== undefined) {
        frames.onWrite = () => outbound.inc(call);
      }
      // A reader that leaves in the middle of a message does not resume what counts the messages.
      request.signal.addEventListener("abort", () => ended(abortCode(request.signal)), { once: true });
      return { ...response, message: counted(response.message, () => outbound.inc(call), ended) };
    } catch (error) {
      done(codeName(error));
      throw error;
    }
  };
}

async function* counted<T>(messages: AsyncIterable<T>, onMessage: () => void, onDone: (code: string) => void) {
  let code = "Canceled"; // What is left when the reader goes away first.
  try {
    for await (const message of messages) {
      onMessage();
      yield message;
    }
    code = "OK";
  } catch (error) {
    code = codeName(error);
    throw error;
  } finally {
    onDone(code);
  }
}

function once(done: (code: string) => void): (code: string) => void {
  let isDone = false;
  return (code) => {
    if (!isDone) {
      isDone = true;
      done(code);
    }
  };
}

/** A deadline and a server that stops say so; whatever else aborts a call is its caller. */
function abortCode({ reason }: AbortSignal): string {
  return reason instanceof ConnectError ? codeName(reason) : "Canceled";
}

function codeName(error: unknown): string {
  return Code[ConnectError.from(error).code] ?? "Unknown";
}
