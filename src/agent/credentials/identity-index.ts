import { type Credentials, isUnexpired, laterOf } from "../../domain/credentials.ts";
import type { IssueFailure, IssueResult } from "../../domain/issue.ts";
import type { IdentityKey } from "../../domain/role-identity.ts";

/** Why a server last had no credentials for an identity, and when this agent heard of it. */
export interface HeardFailure {
  readonly failure: IssueFailure;
  /** Milliseconds since the Unix epoch. */
  readonly heardAtMs: number;
}

/** What is held of the identities that the node's pods use; of others nothing is kept. */
export interface IdentityIndex {
  /** Identities with credentials, expired ones included. */
  readonly held: number;
  /** One pod more that uses the identity. */
  retain(identity: IdentityKey): void;
  /** One pod less; with the last one all that is held goes. */
  release(identity: IdentityKey): void;
  put(identity: IdentityKey, result: IssueResult, nowMs: number): void;
  /** Never expired ones. */
  credentials(identity: IdentityKey, nowMs: number): Credentials | undefined;
  failure(identity: IdentityKey): HeardFailure | undefined;
  holdsUnexpired(nowMs: number): boolean;
}

interface Entry {
  users: number;
  credentials?: Credentials;
  failure?: HeardFailure;
}

export function createIdentityIndex(): IdentityIndex {
  const entries = new Map<IdentityKey, Entry>();
  let held = 0;

  return {
    get held() {
      return held;
    },
    retain(identity) {
      const entry = entries.get(identity) ?? { users: 0 };
      entry.users += 1;
      entries.set(identity, entry);
    },
    release(identity) {
      const entry = entries.get(identity);
      if (entry === undefined) {
        return;
      }
      entry.users -= 1;
      if (entry.users === 0) {
        entries.delete(identity);
        held -= entry.credentials === undefined ? 0 : 1;
      }
    },
    put(identity, result, nowMs) {
      const entry = entries.get(identity);
      if (entry === undefined) {
        return;
      }
      if (result.kind === "failed") {
        entry.failure = { failure: result.failure, heardAtMs: nowMs };
        return;
      }
      held += entry.credentials === undefined ? 1 : 0;
      entry.credentials = sameOrLater(entry.credentials, result.credentials);
      delete entry.failure;
    },
    credentials(identity, nowMs) {
      const credentials = entries.get(identity)?.credentials;
      return credentials !== undefined && isUnexpired(credentials, nowMs) ? credentials : undefined;
    },
    failure: (identity) => entries.get(identity)?.failure,
    holdsUnexpired: (nowMs) =>
      entries.values().some(({ credentials }) => credentials !== undefined && isUnexpired(credentials, nowMs)),
  };
}

/** Credentials that come again with a snapshot stay the object that answers and audit lines were made of. */
function sameOrLater(held: Credentials | undefined, come: Credentials): Credentials {
  const isSame = held?.accessKeyId === come.accessKeyId && held.expiresAtMs === come.expiresAtMs;
  return isSame ? held : laterOf(held, come);
}
