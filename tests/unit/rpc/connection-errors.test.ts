import { expect, test } from "bun:test";
import { Code, ConnectError, type UnaryRequest } from "@connectrpc/connect";
import { connectionErrors } from "../../../src/rpc/connection-errors.ts";

/** The code of what a call ends with when the connection or the server ends it with `error`. */
async function codeAfter(error: ConnectError, signal = new AbortController().signal): Promise<string | undefined> {
  const call = connectionErrors(() => Promise.reject(error));
  const thrown = await call({ stream: false, signal } as UnaryRequest).then(
    () => undefined,
    (reason) => ConnectError.from(reason),
  );
  return thrown === undefined ? undefined : Code[thrown.code];
}

function fromServer(code: Code): ConnectError {
  const error = new ConnectError("said so", code);
  error.isWireError = true;
  return error;
}

test("what the connection does to a call is Unavailable", async () => {
  for (const code of [Code.Canceled, Code.Aborted, Code.Internal, Code.Unknown, Code.InvalidArgument]) {
    expect(await codeAfter(new ConnectError("stream closed", code))).toBe("Unavailable");
  }
});

test("what the server says stands as it said it", async () => {
  for (const code of [Code.Canceled, Code.Aborted, Code.Internal, Code.InvalidArgument, Code.PermissionDenied]) {
    expect(await codeAfter(fromServer(code))).toBe(Code[code]);
  }
});

test("what the caller did itself stays Canceled, a deadline stays one, and too large an answer too", async () => {
  const canceled = new ConnectError("aborted", Code.Canceled);

  expect(await codeAfter(canceled, AbortSignal.abort())).toBe("Canceled");
  expect(await codeAfter(new ConnectError("too late", Code.DeadlineExceeded))).toBe("DeadlineExceeded");
  expect(await codeAfter(new ConnectError("too large", Code.ResourceExhausted))).toBe("ResourceExhausted");
});
