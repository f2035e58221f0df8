import type { ReviewToken, TokenReview } from "../../src/domain/token-review.ts";

/** A JWT as the API server makes them, with a signature that only {@link createFakeTokenReview} takes for one. */
export function aToken(claims: Readonly<Record<string, unknown>>): string {
  const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString("base64url");
  return `${encode({ alg: "RS256" })}.${encode(claims)}.signature`;
}

export interface FakeTokenReview {
  readonly reviewToken: ReviewToken;
  /** What was asked, in order. */
  readonly calls: { readonly token: string; readonly audience: string; readonly signal: AbortSignal }[];
  /** What the API server says of a token from now on; of tokens it was told nothing of, that they are nobody's. */
  say(token: string, review: TokenReview): void;
  /** Holds all answers until {@link release}. */
  hold(): void;
  release(): void;
}

export function createFakeTokenReview(): FakeTokenReview {
  const reviews = new Map<string, TokenReview>();
  const calls: FakeTokenReview["calls"] = [];
  let gate = Promise.resolve();
  let open = () => {};
  return {
    calls,
    async reviewToken(token, audience, signal) {
      calls.push({ token, audience, signal });
      await gate;
      return reviews.get(token) ?? { kind: "rejected", reason: "invalid bearer token" };
    },
    say: (token, review) => {
      reviews.set(token, review);
    },
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      open = resolve;
    },
    release: () => open(),
  };
}
