import type { IncomingMessage } from "node:http";
import { deadline, untilAborted } from "../../runtime/abort.ts";
import type { Clock } from "../../runtime/clock.ts";
import { reasonOf } from "../../runtime/logger.ts";
import { placeOf, readAtMost, sendPlain } from "../../runtime/plain-http.ts";
import { createFlights } from "../credentials/flights.ts";
import { longestTtlSeconds } from "./token-ttl.ts";

/** The real metadata service, of the instance that this agent runs on. */
export interface InstanceMetadata {
  /**
   * Reads a path that stands for itself: nothing in it is to be decoded or folded. Asks with a token of the agent's own.
   * Rejects only with the signal's reason.
   */
  get(path: string, signal: AbortSignal): Promise<InstanceAnswer>;
}

export type InstanceAnswer =
  | {
      readonly kind: "answer";
      /** From 200 to 599. */
      readonly status: number;
      readonly contentType: string | undefined;
      readonly body: Buffer;
    }
  /** It did not answer in time. */
  | { readonly kind: "silent" }
  /** In one line, without anything of an answer's body. */
  | { readonly kind: "failed"; readonly reason: string };

export interface InstanceMetadataOptions {
  /** `http://host[:port]`, also with a slash at the end. */
  readonly endpoint: string;
  readonly clock: Clock;
}

/** For token and answer together. On the node it answers within milliseconds; with a hop too many the token never comes. */
const answerWithinMs = 2_000;

/** The longest document is user data of 16 KiB; whatever sends more is not the metadata service. */
const longestAnswer = 65_536;

/** A token is asked for anew while the one before still has that long. */
const renewAheadMs = 600_000;

/** A token younger than that was good when it was made: it is not what a 401 is about. */
const trustTokenMs = 10_000;

interface Token {
  readonly text: string;
  readonly fetchedAtMs: number;
}

export function createInstanceMetadata({ endpoint, clock }: InstanceMetadataOptions): InstanceMetadata {
  const { host, port, basePath } = placeOf(endpoint);
  const base = endpoint.replace(/\/+$/, "");
  const tokens = createFlights<Token>();
  let held: Token | undefined;

  async function call(method: "GET" | "PUT", path: string, headers: Headers, signal: AbortSignal): Promise<Answered> {
    try {
      return await readAnswer(await sendPlain({ host, port, method, path: basePath + path, headers }, signal));
    } catch (error) {
      throw new Error(`${method} ${base}${path}: ${reasonOf(error)}`, { cause: error });
    }
  }

  async function fetchToken(signal: AbortSignal): Promise<Token> {
    const headers = { "X-aws-ec2-metadata-token-ttl-seconds": String(longestTtlSeconds) };
    const fetchedAtMs = clock.now();
    const { status, body } = await call("PUT", "/latest/api/token", headers, signal);
    const text = body.toString("latin1").trim();
    if (status !== 200 || !/^[\x21-\x7e]+$/.test(text)) {
      throw new Error(`PUT ${base}/latest/api/token: ${status === 200 ? "no token" : `status ${status}`}`);
    }
    held = { text, fetchedAtMs };
    return held;
  }

  function ageMs({ fetchedAtMs }: Token): number {
    return Math.abs(clock.now() - fetchedAtMs);
  }

  async function currentToken(signal: AbortSignal): Promise<Token> {
    return held !== undefined && ageMs(held) < longestTtlSeconds * 1_000 - renewAheadMs
      ? held
      : await tokens.join("token", fetchToken, signal);
  }

  async function ask(path: string, signal: AbortSignal): Promise<InstanceAnswer> {
    const token = await currentToken(signal);
    const answer = await call("GET", path, { "X-aws-ec2-metadata-token": token.text }, signal);
    if (answer.status !== 401 || ageMs(token) < trustTokenMs) {
      return answer;
    }
    held = held === token ? undefined : held;
    const { text } = await currentToken(signal);
    return await call("GET", path, { "X-aws-ec2-metadata-token": text }, signal);
  }

  return {
    async get(path, signal) {
      using limit = deadline(answerWithinMs, clock, signal);
      try {
        return await untilAborted(ask(path, limit.signal), limit.signal);
      } catch (error) {
        signal.throwIfAborted();
        return limit.passed ? { kind: "silent" } : { kind: "failed", reason: reasonOf(error) };
      }
    },
  };
}

type Headers = Readonly<Record<string, string>>;
type Answered = Extract<InstanceAnswer, { readonly kind: "answer" }>;

async function readAnswer(response: IncomingMessage): Promise<Answered> {
  const status = response.statusCode ?? 0;
  if (response.headers["server"] === "kiam" || status < 200 || status > 599) {
    response.destroy();
    throw new Error(
      status < 200 || status > 599 ? `status ${status}` : "an agent of kiam answers, not the real service",
    );
  }
  const body = await readAtMost(longestAnswer, response);
  if (body === undefined) {
    throw new Error("the answer is too long");
  }
  return { kind: "answer", status, contentType: response.headers["content-type"], body };
}
