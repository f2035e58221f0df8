import type { Credentials } from "./credentials.ts";
import type { RoleIdentity } from "./role-identity.ts";

/**
 * Why STS gave no credentials.
 * - `refused`: STS understood and said no (AccessDenied, a role that does not exist, a malformed request).
 * - `throttled`, `unavailable`: worth trying again.
 * - `own-credentials`: the server's own credentials are missing, expired or wrong; says nothing of the role.
 */
export interface IssueFailure {
  readonly kind: "refused" | "throttled" | "unavailable" | "own-credentials";
  /** The error's name as AWS writes it. */
  readonly code: string;
  /** For people; carries no secret. */
  readonly message: string;
}

export type IssueResult =
  | { readonly kind: "issued"; readonly credentials: Credentials }
  | { readonly kind: "failed"; readonly failure: IssueFailure };

/** Asks STS once (its own retries included). Rejects only when the signal is aborted. */
export type AssumeRole = (identity: RoleIdentity, signal: AbortSignal) => Promise<IssueResult>;
