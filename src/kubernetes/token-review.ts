import type { ReviewToken, TokenReview } from "../domain/token-review.ts";
import type { Clock } from "../runtime/clock.ts";
import type { ApiConnection } from "./connection.ts";
import { describeFailure } from "./failure.ts";
import { at, listAt, textAt } from "./raw-json.ts";
import { askForJson } from "./request.ts";

/** An agent waits for the answer before it gets its pods. */
const longestMs = 5_000;

/** Asks the API server whose a token is. The answer rejects only with the signal's reason, and never holds the token. */
export function reviewToken(connection: ApiConnection, clock: Clock): ReviewToken {
  return async (token, audience, signal) => {
    if (token === "") {
      return { kind: "rejected", reason: "no token" };
    }
    const body = {
      apiVersion: "authentication.k8s.io/v1",
      kind: "TokenReview",
      spec: { token, audiences: [audience] },
    };
    const request = { path: "/apis/authentication.k8s.io/v1/tokenreviews", body, withinMs: longestMs };
    const answer = await askForJson({ connection, clock }, request, signal);
    return answer.kind === "json"
      ? parseReview(answer.json, audience)
      : { kind: "unavailable", reason: describeFailure(answer) };
  };
}

function parseReview(raw: unknown, audience: string): TokenReview {
  const status = at(raw, "status");
  if (status === undefined) {
    return { kind: "unavailable", reason: "an answer that is no TokenReview" };
  }
  const audiences = listAt(status, "audiences").filter((each) => typeof each === "string");
  const username = textAt(status, "user", "username");
  if (at(status, "authenticated") !== true || username === "") {
    return { kind: "rejected", reason: textAt(status, "error") || "not authenticated" };
  }
  if (!audiences.includes(audience)) {
    return { kind: "rejected", reason: `a token that is not for audience ${audience}` };
  }
  return {
    kind: "authenticated",
    username,
    audiences,
    ...extra(status, "podUid", "pod-uid"),
    ...extra(status, "podName", "pod-name"),
    ...extra(status, "nodeName", "node-name"),
  };
}

/** https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#additional-metadata-in-pod-bound-tokens */
function extra<Key extends string>(status: unknown, key: Key, claim: string): { readonly [K in Key]?: string } {
  const [value, ...others] = listAt(status, "user", "extra", `authentication.kubernetes.io/${claim}`);
  const isOne = typeof value === "string" && value !== "" && others.length === 0;
  return isOne ? ({ [key]: value } as { readonly [K in Key]?: string }) : {};
}
