import { type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";

/** Asks the real metadata service for the instance's id, through an IMDSv2 token. Rejects with {@link InstanceIdError}. */
export type ReadInstanceId = (signal: AbortSignal) => Promise<string>;

export class InstanceIdError extends Error {
  override readonly name = "InstanceIdError";
}

/** An id is 19 characters and a token 56; whatever sends more is not the metadata service. */
const longestAnswer = 1_024;

/**
 * Reads over node:http because `fetch` would go through a proxy that the environment names.
 * @param endpoint `http://host[:port]`
 */
export function readInstanceIdFrom(endpoint: string): ReadInstanceId {
  const base = endpoint.replace(/\/+$/, "");
  return async (signal) => {
    const token = await call(
      "PUT",
      `${base}/latest/api/token`,
      { "X-aws-ec2-metadata-token-ttl-seconds": "60" },
      signal,
    );
    const id = await call("GET", `${base}/latest/meta-data/instance-id`, { "X-aws-ec2-metadata-token": token }, signal);
    if (!/^[\w-]+$/.test(id)) {
      throw new InstanceIdError(`${base} answered what is not an instance id`);
    }
    return id;
  };
}

async function call(
  method: string,
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<string> {
  try {
    const response = await send(method, url, headers, signal);
    const body = await text(bounded(response));
    if (response.statusCode !== 200) {
      throw new Error(`status ${response.statusCode}`);
    }
    return body.trim();
  } catch (error) {
    const reason = signal.aborted ? signal.reason : error;
    throw new InstanceIdError(`${method} ${url}: ${reason instanceof Error ? reason.message : "failed"}`, {
      cause: error,
    });
  }
}

function send(
  method: string,
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request(url, { method, headers, signal, agent: false }, resolve).on("error", reject).end();
  });
}

async function* bounded(response: IncomingMessage): AsyncIterable<Uint8Array> {
  let length = 0;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > longestAnswer) {
      throw new Error("the answer is too long");
    }
    yield chunk;
  }
}
