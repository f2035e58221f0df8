import { createHash } from "node:crypto";
import type { PodUid } from "../../domain/pod.ts";
import type { ReviewToken, TokenReview } from "../../domain/token-review.ts";
import { deadline, neverAborted, untilAborted } from "../../runtime/abort.ts";
import type { Clock } from "../../runtime/clock.ts";
import { createRecentMap } from "../../runtime/recent-map.ts";
import type { Refusal } from "./node-proof.ts";
import { tokenExpiryMs } from "./token-expiry.ts";

/** A token that an agent's pod holds: what it says stays true until it expires. */
export interface AgentToken {
  readonly kind: "agent-token";
  readonly podUid: PodUid;
  /** The service account's. */
  readonly namespace: string;
  /** As the token itself says; absent for tokens of older API servers. */
  readonly nodeName?: string;
  readonly validUntilMs: number;
}

export interface ServiceAccount {
  readonly namespace: string;
  readonly name: string;
}

/** The API server's word on tokens, asked once for each. */
export interface TokenReviews {
  /** Rejects only with the signal's reason. */
  review(token: string, signal: AbortSignal): Promise<AgentToken | Refusal>;
}

export interface TokenReviewsDeps {
  readonly reviewToken: ReviewToken;
  /** What tokens must be made for. */
  readonly audience: string;
  /** Whose tokens count. */
  readonly agentServiceAccounts: readonly ServiceAccount[];
  readonly clock: Clock;
}

/** Kubernetes' tokens take about 1 KiB. */
const longestToken = 16_384;

/** An agent has one token at a time and a new one each hour: enough for any cluster. 300 bytes each. */
const mostAccepted = 20_000;
const mostRefused = 1_000;

/** Long enough that an agent in a loop costs few calls, short enough that one mended is served soon. */
const refusedForMs = 5_000;

const mostInFlight = 64;
const longestReviewMs = 10_000;

/** For tokens that do not say when they expire. */
const unknownExpiryMs = 60_000;

export function createTokenReviews(deps: TokenReviewsDeps): TokenReviews {
  const { reviewToken, audience, clock } = deps;
  const namespaces = new Map(deps.agentServiceAccounts.map((account) => [usernameOf(account), account.namespace]));
  const accepted = createRecentMap<string, AgentToken>(mostAccepted);
  const refused = createRecentMap<string, { readonly refusal: Refusal; readonly untilMs: number }>(mostRefused);
  const inFlight = new Map<string, Promise<AgentToken | Refusal>>();

  function known(key: string): AgentToken | Refusal | undefined {
    const held = accepted.get(key);
    if (held !== undefined && clock.now() < held.validUntilMs) {
      return held;
    }
    const refusal = refused.get(key);
    return refusal !== undefined && clock.now() < refusal.untilMs ? refusal.refusal : undefined;
  }

  function judge(token: string, review: TokenReview): AgentToken | Refusal {
    switch (review.kind) {
      case "unavailable":
        return unavailable(review.reason);
      case "rejected":
        return unauthenticated(`the API server does not accept the token: ${review.reason}`);
      case "authenticated":
        break;
      default:
        return review satisfies never;
    }
    const namespace = namespaces.get(review.username);
    const validUntilMs = tokenExpiryMs(token) ?? clock.now() + unknownExpiryMs;
    if (!review.audiences.includes(audience)) {
      return unauthenticated(`the token is not for the audience ${audience}`);
    }
    if (namespace === undefined) {
      return denied(`the token is of ${review.username}, whose tokens prove no node (--agent-service-account)`);
    }
    if (review.podUid === undefined) {
      return denied("the token is not bound to a pod: only a projected one proves a node");
    }
    const podUid = review.podUid as PodUid;
    const node = review.nodeName === undefined ? {} : { nodeName: review.nodeName };
    return { kind: "agent-token", podUid, namespace, ...node, validUntilMs };
  }

  /** Goes on when those who wait for it have gone: others may wait too, and the answer is kept. */
  async function ask(key: string, token: string): Promise<AgentToken | Refusal> {
    using limit = deadline(longestReviewMs, clock, neverAborted());
    try {
      const outcome = judge(token, await untilAborted(reviewToken(token, audience, limit.signal), limit.signal));
      if (outcome.kind === "agent-token") {
        accepted.set(key, outcome);
      } else if (outcome.code !== "unavailable") {
        refused.set(key, { refusal: outcome, untilMs: clock.now() + refusedForMs });
      }
      return outcome;
    } catch {
      return unavailable("it gave no answer");
    }
  }

  function flight(key: string, token: string): Promise<AgentToken | Refusal> {
    const flying = inFlight.get(key);
    if (flying !== undefined) {
      return flying;
    }
    if (inFlight.size >= mostInFlight) {
      return Promise.resolve(unavailable("too many tokens are being reviewed"));
    }
    const answer = ask(key, token).finally(() => inFlight.delete(key));
    inFlight.set(key, answer);
    return answer;
  }

  return {
    async review(token, signal) {
      if (token === "" || token.length > longestToken) {
        return unauthenticated("the token is empty or too long");
      }
      const expiryMs = tokenExpiryMs(token);
      if (expiryMs !== undefined && expiryMs <= clock.now()) {
        return expired;
      }
      // What is kept of a token must be of no use to who reads the server's memory.
      const key = createHash("sha256").update(token).digest("base64");
      return known(key) ?? (await untilAborted(flight(key, token), signal));
    },
  };
}

const expired = unauthenticated("the token has expired");

function unauthenticated(reason: string): Refusal {
  return { kind: "refused", code: "unauthenticated", reason };
}

function denied(reason: string): Refusal {
  return { kind: "refused", code: "permission-denied", reason };
}

function unavailable(reason: string): Refusal {
  return { kind: "refused", code: "unavailable", reason: `the API server can't be asked about the token: ${reason}` };
}

function usernameOf({ namespace, name }: ServiceAccount): string {
  return `system:serviceaccount:${namespace}:${name}`;
}
