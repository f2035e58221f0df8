import type { Egress } from "../domain/egress.ts";
import { proxyName } from "../domain/proxy-rules.ts";
import { deadline, neverAborted } from "../runtime/abort.ts";
import type { Clock } from "../runtime/clock.ts";

export interface FetchHandlerOptions {
  readonly egress: Egress;
  /** For a request with its whole answer; 5 s where absent. */
  readonly requestTimeoutMs?: number;
  readonly clock: Clock;
}

const defaultTimeoutMs = 5_000;

/** What the SDK gives a handler of requests. */
export interface SdkRequest {
  readonly method: string;
  /** With its colon. */
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number | undefined;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | null>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface SdkAnswer {
  readonly response: {
    readonly statusCode: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: Uint8Array;
  };
}

/** The SDK's `requestHandler`, as far as it uses one. */
export type FetchHandler = {
  readonly handle: (request: SdkRequest, options?: { readonly abortSignal?: AbortSignal }) => Promise<SdkAnswer>;
};

/** No answer came. Neither message nor code holds anything of the request, or of a proxy's password. */
export class AwsUnreachableError extends Error {
  override readonly name = "AwsUnreachableError";

  /** What Bun says of it, such as `ECONNREFUSED`; `ETIMEDOUT` for silence. */
  readonly code: string;

  constructor(message: string, code: string, options: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * Carries the SDK's requests over `fetch`, which knows proxies; node:https does not under Bun. Rejects with {@link AwsUnreachableError}, or with
 * the reason of the request's own signal.
 */
export function createFetchHandler({
  egress,
  requestTimeoutMs = defaultTimeoutMs,
  clock,
}: FetchHandlerOptions): FetchHandler {
  const { proxyFor, roots } = egress;
  // Explicit, because NODE_TLS_REJECT_UNAUTHORIZED=0 turns only the default off.
  const tls = { rejectUnauthorized: true, ...(roots === undefined ? {} : { ca: roots }) };

  return {
    async handle(request, { abortSignal = neverAborted() } = {}) {
      const url = urlOf(request);
      const proxy = proxyFor(url);
      using limit = deadline(requestTimeoutMs, clock, abortSignal);
      try {
        const response = await fetch(url, {
          method: request.method,
          headers: { ...request.headers },
          ...bodyOf(request),
          ...{ tls, proxy: proxy ?? false, redirect: "manual", signal: limit.signal },
        });
        const body = new Uint8Array(await response.arrayBuffer());
        return { response: { statusCode: response.status, headers: Object.fromEntries(response.headers), body } };
      } catch (error) {
        abortSignal.throwIfAborted();
        const code = limit.passed ? "ETIMEDOUT" : codeOf(error);
        throw new AwsUnreachableError(unreachable(code, proxy), code, { cause: error });
      }
    },
  };
}

function urlOf({ protocol, hostname, port, path, query = {} }: SdkRequest): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    [value ?? ""].flat().map((each) => `${encodeURIComponent(name)}=${encodeURIComponent(each)}`),
  );
  const search = pairs.length === 0 ? "" : `?${pairs.join("&")}`;
  return `${protocol}//${hostname}${port === undefined ? "" : `:${port}`}${path}${search}`;
}

function bodyOf({ method, body }: SdkRequest): { readonly body?: string | Uint8Array<ArrayBuffer> } {
  if (method === "GET" || method === "HEAD" || body === undefined) {
    return {};
  }
  if (typeof body === "string") {
    return { body };
  }
  if (body instanceof Uint8Array) {
    return { body: new Uint8Array(body) };
  }
  throw new TypeError("a request's body is neither text nor bytes");
}

/** Bun's name for a tunnel that a proxy refuses to open, and where it keeps the proxy's status. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) {
    return "Unknown";
  }
  const code = "code" in error && typeof error.code === "string" ? error.code : error.name;
  const status = "status" in error && typeof error.status === "number" ? error.status : undefined;
  return code === "ERR_PROXY_TUNNEL" && status !== undefined ? `ProxyStatus${status}` : code;
}

function unreachable(code: string, proxy: string | undefined): string {
  if (proxy === undefined) {
    return `could not be reached (${code})`;
  }
  const name = proxyName(proxy);
  return code === "ProxyStatus407"
    ? `could not be reached: the proxy ${name} asks for a user and password (${code})`
    : `could not be reached through the proxy ${name} (${code})`;
}
