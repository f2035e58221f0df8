import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { lenientPath } from "../fixtures/lenient-path.ts";

interface Seen {
  readonly method: string;
  /** As it came. */
  readonly target: string;
  /** Names in lower case. */
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

/** What a test has it say of a request; `undefined` to say what it would. */
type Script = (request: Seen) => Reply | undefined | Promise<Reply | undefined>;

export interface LenientMetadata extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly requests: readonly Seen[];
  /** Those for documents, not for tokens. */
  readonly documents: readonly string[];
}

/** In everything that it says of the node's own credentials. */
export const canary = "CANARY-OF-THE-NODE";

/**
 * The real metadata service's place, on a free port of the loopback: takes every spelling of a path for what it may mean, takes
 * headers that rewrite it at their word, and needs no token. Tokens are `token-1`, `token-2`, …
 */
export async function serveLenientMetadata(script: Script = () => undefined): Promise<LenientMetadata> {
  const requests: Seen[] = [];
  let tokens = 0;

  function usual({ method, target, headers }: Seen): Reply {
    const rewritten = headers["x-original-url"] ?? headers["x-rewrite-url"] ?? target;
    const path = lenientPath(String(rewritten));
    if (path.endsWith("/api/token") && (method === "PUT" || headers["x-http-method-override"] === "PUT")) {
      tokens += 1;
      return { body: `token-${tokens}` };
    }
    return documentAt(path);
  }

  const server = createServer(async (request, response) => {
    const { method = "", url: target = "", headers } = request;
    const seen = { method, target, headers, body: await text(request) };
    requests.push(seen);
    const {
      status = 200,
      headers: sent = { "Content-Type": "text/plain" },
      body,
    } = (await script(seen)) ?? usual(seen);
    response.writeHead(status, { Server: "EC2ws", ...sent }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    requests,
    get documents() {
      return requests.filter(({ method }) => method !== "PUT").map(({ target }) => target);
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function documentAt(path: string): Reply {
  if (/\/(iam|identity-credentials)(\/|$)/.test(path)) {
    return { body: /credentials\/./.test(path.replace(/^.*\/iam\//, "")) ? keys : `${canary}-role` };
  }
  if (/\/instance-id$/.test(path)) {
    return { body: "i-0123456789abcdef0" };
  }
  return /\/meta-data$/.test(path) ? { body: "iam/\ninstance-id" } : { status: 404, body: "Not Found" };
}

const keys = JSON.stringify({ Code: "Success", AccessKeyId: canary, SecretAccessKey: canary, Token: canary });
