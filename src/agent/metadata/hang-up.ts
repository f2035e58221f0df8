import type { ServerResponse } from "node:http";

/** A signal aborted when the client goes away before it was answered. */
export function hangUpSignal(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) {
      controller.abort(new Error("the client has hung up"));
    }
  });
  return controller.signal;
}
