import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";

/**
 * Gives calls that the connection failed Code.Unavailable. The library calls a server's death Canceled, a rejected
 * certificate Aborted and a call that came too late for the connection Internal, each of which means something else when a
 * server says it.
 */
export const connectionErrors: Interceptor = (next) => async (request) => {
  async function* watched<T>(messages: AsyncIterable<T>) {
    try {
      yield* messages;
    } catch (error) {
      throw classify(error, request.signal);
    }
  }
  try {
    const response = await next(request);
    return response.stream ? { ...response, message: watched(response.message) } : response;
  } catch (error) {
    throw classify(error, request.signal);
  }
};

function classify(error: unknown, signal: AbortSignal): unknown {
  const { code, isWireError, rawMessage, cause } = ConnectError.from(error);
  if (signal.aborted || isWireError || !connectionCodes.includes(code)) {
    return error;
  }
  return new ConnectError(rawMessage, Code.Unavailable, undefined, undefined, cause ?? error);
}

/** What a call ends with when it was not the server that ended it; InvalidArgument is a message that was cut in two. */
const connectionCodes: readonly Code[] = [
  Code.Canceled,
  Code.Aborted,
  Code.Internal,
  Code.Unknown,
  Code.InvalidArgument,
];
