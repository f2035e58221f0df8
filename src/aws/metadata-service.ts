import type { IncomingMessage } from "node:http";
import { deadline, untilAborted } from "../runtime/abort.ts";
import type { Clock } from "../runtime/clock.ts";
import { placeOf, readAtMost, sendPlain } from "../runtime/plain-http.ts";

/** What the EC2 metadata service says of a path. */
export type MetadataAnswer =
  | { readonly kind: "found"; readonly text: string }
  | { readonly kind: "not-found" }
  /** An agent of kiam has intercepted the request, and would answer it as one of a pod's. */
  | { readonly kind: "answered-by-kiam" }
  /** In one line, without anything of the answer's body. */
  | { readonly kind: "failed"; readonly problem: string };

/** The metadata service of the instance that this process runs on. */
export interface MetadataService {
  /** Reads a path that begins with `/latest/`, through a fresh IMDSv2 token. Rejects only when the signal is aborted. */
  get(path: string, signal: AbortSignal): Promise<MetadataAnswer>;
}

export interface MetadataServiceOptions {
  /** `http://host[:port]`, also with a slash at the end. */
  readonly endpoint: string;
  /** For token and answer together; 1 s where absent, as the SDKs take: with a hop too many the answer never comes. */
  readonly timeoutMs?: number;
  readonly clock: Clock;
}

/** What {@link MetadataAnswer}'s `answered-by-kiam` means for a server, and what to do. */
export const answeredByKiam =
  "an agent of kiam answers this server's own calls of the metadata service: give the server hostNetwork, or nodes that run no agent";

const defaultTimeoutMs = 1_000;

/** A token is 56 characters and each document read here less than a kilobyte. */
const longestAnswer = 16_384;

export function createMetadataService({ endpoint, timeoutMs, clock }: MetadataServiceOptions): MetadataService {
  const base = endpoint.replace(/\/+$/, "");

  async function read(path: string, signal: AbortSignal): Promise<MetadataAnswer> {
    const token = await ask("PUT", "/latest/api/token", { "X-aws-ec2-metadata-token-ttl-seconds": "60" }, signal);
    if (token.kind !== "found") {
      return token;
    }
    return /^[\x21-\x7e]+$/.test(token.text)
      ? ask("GET", path, { "X-aws-ec2-metadata-token": token.text }, signal)
      : { kind: "failed", problem: `PUT ${base}/latest/api/token answered what is not a token` };
  }

  async function ask(
    method: "GET" | "PUT",
    path: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<MetadataAnswer> {
    const url = base + path;
    try {
      const { host, port, basePath } = placeOf(endpoint); // The environment may say anything.
      const response = await sendPlain({ host, port, method, path: basePath + path, headers }, signal);
      return await answerOf(response, `${method} ${url}`);
    } catch (error) {
      const reason: unknown = signal.aborted ? signal.reason : error;
      return { kind: "failed", problem: `${method} ${url}: ${reason instanceof Error ? reason.message : "failed"}` };
    }
  }

  return {
    async get(path, signal) {
      using limit = deadline(timeoutMs ?? defaultTimeoutMs, clock, signal);
      const answer = await untilAborted(read(path, limit.signal), signal);
      signal.throwIfAborted();
      return answer;
    },
  };
}

async function answerOf(response: IncomingMessage, asked: string): Promise<MetadataAnswer> {
  if (response.headers["server"] === "kiam") {
    response.destroy();
    return { kind: "answered-by-kiam" };
  }
  if (response.statusCode !== 200) {
    response.destroy();
    return response.statusCode === 404
      ? { kind: "not-found" }
      : { kind: "failed", problem: `${asked}: status ${response.statusCode}` };
  }
  const body = await readAtMost(longestAnswer, response);
  return body === undefined
    ? { kind: "failed", problem: `${asked}: the answer is too long` }
    : { kind: "found", text: body.toString().trim() };
}
