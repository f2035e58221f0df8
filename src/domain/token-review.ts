/** What the API server says of a token. */
export type TokenReview =
  | {
      readonly kind: "authenticated";
      /** `system:serviceaccount:<namespace>:<name>` for a service account. */
      readonly username: string;
      /** Of those asked for, the ones that the token is for. */
      readonly audiences: readonly string[];
      /** The pod that the token was made for; absent for tokens that are not a pod's. */
      readonly podUid?: string;
      readonly podName?: string;
      /** The node that the token was made for; absent where the API server does not write it into tokens (before 1.30). */
      readonly nodeName?: string;
    }
  /** Nobody's token, or not for the audience. */
  | { readonly kind: "rejected"; readonly reason: string }
  /** The API server gave no answer: nothing is known of the token. */
  | { readonly kind: "unavailable"; readonly reason: string };

/** Asks the API server whose a token is. No reason ever holds the token. Rejects only with the signal's reason. */
export type ReviewToken = (token: string, audience: string, signal: AbortSignal) => Promise<TokenReview>;
