import { type IncomingMessage, type RequestOptions, request } from "node:http";

/**
 * Sends an HTTP request without a body on a connection of its own, past every proxy: `fetch` goes through one that the
 * environment names. Redirects are answers like others. Rejects where there is no answer, and when the signal is aborted.
 */
export function sendPlain(options: RequestOptions, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request({ ...options, signal, agent: false }, resolve)
      .on("error", reject)
      .end();
  });
}

/** A body's bytes; `undefined` for one that is longer, which is then left. */
export async function readAtMost(longest: number, body: AsyncIterable<Uint8Array>): Promise<Buffer | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > longest) {
      return undefined;
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** What {@link sendPlain} takes of a URL, whose path ends in no slash. Throws for what is no URL of plain HTTP. */
export function placeOf(url: string): Pick<RequestOptions, "host" | "port"> & { readonly basePath: string } {
  const { protocol, hostname, port, pathname } = new URL(url);
  if (protocol !== "http:") {
    throw new Error(`${protocol} is not http:`);
  }
  return {
    host: hostname.replace(/^\[|\]$/g, ""),
    port: port === "" ? 80 : Number(port),
    basePath: pathname.replace(/\/+$/, ""),
  };
}
