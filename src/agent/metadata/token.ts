import type { NodePod } from "../../domain/node-pod.ts";
import { type Answer, textAnswer } from "./answer.ts";
import { refuse } from "./refusal.ts";
import type { MetadataRequest } from "./request.ts";
import { parseTtlSeconds } from "./token-ttl.ts";
import type { ImdsTokens } from "./tokens.ts";

/** Mints an IMDSv2 token at once, for pods without a role too: SDKs ask for one before anything else and wait a second. */
export function mintToken(request: MetadataRequest, pod: NodePod | undefined, tokens: ImdsTokens): Answer {
  const ttlSeconds = parseTtlSeconds(request.headers.tokenTtlSeconds);
  if (request.headers.isForwarded) {
    return refuse({ kind: "forwarded" });
  }
  if (ttlSeconds === undefined) {
    return refuse({ kind: "bad-ttl" });
  }
  const token =
    pod === undefined ? tokens.mintForAddress(request.client, ttlSeconds) : tokens.mintForPod(pod.uid, ttlSeconds);
  return textAnswer(token, { "X-aws-ec2-metadata-token-ttl-seconds": String(ttlSeconds) });
}
