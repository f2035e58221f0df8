import { deadline } from "../runtime/abort.ts";
import type { Clock } from "../runtime/clock.ts";
import type { ApiConnection } from "./connection.ts";
import { type ApiFailure, lost, pauseAsked } from "./failure.ts";
import { textAt } from "./raw-json.ts";

export interface ApiRequest {
  /** With its query: `/api/v1/pods?limit=500`. */
  readonly path: string;
  /** GET without a body and POST with one, where it is absent. PATCH merges the body. */
  readonly method?: "PATCH";
  /** Sent as JSON. */
  readonly body?: unknown;
  /** How long the whole answer may take, or its head where the body is a stream. */
  readonly withinMs: number;
}

export interface ApiDependencies {
  readonly connection: ApiConnection;
  readonly clock: Clock;
}

/** Asks, and reads the answer as JSON. Rejects only with the signal's reason. */
export async function askForJson(
  deps: ApiDependencies,
  request: ApiRequest,
  signal: AbortSignal,
): Promise<{ readonly kind: "json"; readonly json: unknown } | ApiFailure> {
  const answer = await askForText(deps, request, signal);
  return answer.kind === "text" ? parseJson(answer.text) : answer;
}

/** {@link askForJson}, for who looks at the answer before it is parsed. */
export async function askForText(
  deps: ApiDependencies,
  request: ApiRequest,
  signal: AbortSignal,
): Promise<{ readonly kind: "text"; readonly text: string } | ApiFailure> {
  using limit = deadline(request.withinMs, deps.clock, signal);
  try {
    const answer = await ask(deps, request, limit.signal);
    return answer.kind === "response" ? { kind: "text", text: await answer.response.text() } : answer;
  } catch (error) {
    signal.throwIfAborted();
    return lost(error);
  }
}

export function parseJson(text: string): { readonly kind: "json"; readonly json: unknown } | ApiFailure {
  try {
    return { kind: "json", json: JSON.parse(text) };
  } catch (error) {
    return lost(error);
  }
}

/**
 * Asks for an answer that never ends: its body goes on until `stop` is aborted, which the caller does, and which is done here
 * where the head of the answer is late. Never rejects.
 */
export async function askForStream(
  deps: ApiDependencies,
  request: ApiRequest,
  stop: AbortController,
): Promise<{ readonly kind: "stream"; readonly body: ReadableStream<Uint8Array> } | ApiFailure> {
  using _late = deps.clock.after(request.withinMs, () =>
    stop.abort(new Error(`no answer within ${request.withinMs} ms`)),
  );
  try {
    const answer = await ask(deps, request, stop.signal);
    if (answer.kind !== "response") {
      return answer;
    }
    const { body } = answer.response;
    return body === null ? { kind: "lost", reason: "an answer without a body" } : { kind: "stream", body };
  } catch (error) {
    return lost(error);
  }
}

const contentTypes = { POST: "application/json", PATCH: "application/merge-patch+json" } as const;

async function ask(
  { connection }: ApiDependencies,
  request: ApiRequest,
  signal: AbortSignal,
): Promise<{ readonly kind: "response"; readonly response: Response } | ApiFailure> {
  const access = await connection.access(signal);
  if (access.kind === "unusable") {
    return { kind: "lost", reason: access.problem };
  }
  const response = await fetch(connection.baseUrl + request.path, {
    ...(request.body === undefined ? {} : { method: request.method ?? "POST", body: JSON.stringify(request.body) }),
    headers: {
      Accept: "application/json",
      // Compressing pages costs the API server more than the network between them.
      "Accept-Encoding": "identity",
      "User-Agent": "kiam",
      ...(request.body === undefined ? {} : { "Content-Type": contentTypes[request.method ?? "POST"] }),
      ...(access.authorization === undefined ? {} : { Authorization: access.authorization }),
    },
    tls: access.tls,
    proxy: connection.proxyUrl ?? false,
    redirect: "error",
    // Bun asks again where a kept connection turns out to be closed, but only if nothing was posted.
    keepalive: request.body === undefined,
    signal,
    // Bun's own limit on silence cuts a quiet watch; whoever calls has a limit of its own.
    timeout: false,
  });
  if (response.ok) {
    return { kind: "response", response };
  }
  if (response.status === 401) {
    connection.refused();
  }
  return await refusal(response);
}

/** Errors of the API server come as a v1 Status; those of what stands before it, as anything. */
async function refusal(response: Response): Promise<ApiFailure> {
  const text = await response.text();
  let message = response.statusText;
  try {
    message = textAt(JSON.parse(text), "message") || message;
  } catch {
    // Not a Status: the status line has to do.
  }
  return {
    kind: "refused",
    status: response.status,
    message: message.slice(0, 300),
    retryAfterMs: pauseAsked(Number.parseInt(response.headers.get("Retry-After") ?? "", 10)),
  };
}
