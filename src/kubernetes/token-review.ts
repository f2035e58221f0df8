import type { Clock } from "../runtime/clock.ts";
import type { ApiConnection } from "./connection.ts";
import { describeFailure } from "./failure.ts";
import { at, listAt, textAt } from "./raw-json.ts";
import { askForJson } from "./request.ts";

/** An agent waits for the answer before it gets its pods. */
const longestMs = 5_000;

/** What the API server says of a token. */
type TokenReview =
  | {
      readonly kind: "authenticated";
      /** `system:serviceaccount:<namespace>:<name>` for a service account. */
      readonly username: string;
      /** Those of the token that were asked for. */
      readonly audiences: readonly string[];
      /** The pod that the token was made for; absent for tokens that are not a pod's. */
      readonly podUid?: string;
      readonly podName?: string;
      /** The node that pod was on; absent where the API server does not write it into tokens (before 1.30). */
      readonly nodeName?: string;
    }
  /** Nobody's token, or not for the audience. */
  | { readonly kind: "rejected"; readonly reason: string }
  /** The API server gave no answer: nothing is known of the token. */
  | { readonly kind: "unavailable"; readonly reason: string };

export type ReviewToken = (token: string, audience: string, signal: AbortSignal) => Promise<TokenReview>;

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
