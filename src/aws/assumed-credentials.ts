import type { Credentials } from "../domain/credentials.ts";
import type { AssumeRole, IssueFailure } from "../domain/issue.ts";
import type { RoleIdentity } from "../domain/role-identity.ts";
import { neverAborted } from "../runtime/abort.ts";
import type { Clock } from "../runtime/clock.ts";
import { OwnCredentialsError } from "./own-credentials-error.ts";

export interface AssumedCredentialsDeps {
  /** Asks STS with the credentials that the server has to begin with. */
  readonly assumeRole: AssumeRole;
  /** What the server acts as from then on. */
  readonly identity: RoleIdentity;
  readonly clock: Pick<Clock, "now">;
  /** Told in one line when it can't be assumed, once until that changes. */
  readonly onWarn: (message: string) => void;
}

/** As the SDK takes a server's own credentials. */
interface OwnCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiration: Date;
}

/** The SDK too asks for others only when less than this is left. */
const refreshAheadMs = 5 * 60_000;

/** Between two tries while what is held is good. */
const retryMs = 10_000;

/**
 * Credentials of a role that the server assumes for itself: one call at a time, and what is held is used until it expires while its
 * successor is fetched. Rejects with {@link OwnCredentialsError}.
 */
export function assumedCredentials(deps: AssumedCredentialsDeps): () => Promise<OwnCredentials> {
  const { assumeRole, identity, clock, onWarn } = deps;
  let held: Credentials | undefined;
  let asking: Promise<Credentials> | undefined;
  let askAgainAtMs = 0;
  let warnedOf: string | undefined;

  function ask(): Promise<Credentials> {
    asking ??= askOnce().finally(() => {
      asking = undefined;
    });
    return asking;
  }

  async function askOnce(): Promise<Credentials> {
    const result = await assumeRole(identity, neverAborted());
    if (result.kind === "failed") {
      askAgainAtMs = clock.now() + retryMs;
      warn(result.failure);
      throw new OwnCredentialsError(
        Object.assign(new Error(result.failure.message), { code: result.failure.code }),
        "the server can't assume the role that it is to act as",
      );
    }
    warnedOf = undefined;
    held = result.credentials;
    return held;
  }

  function warn({ code, message }: IssueFailure): void {
    if (warnedOf !== code) {
      warnedOf = code;
      onWarn(`--assume-role-arn ${identity.role} can't be assumed: ${code}: ${message}`);
    }
  }

  return async () => {
    const leftMs = held === undefined ? 0 : held.expiresAtMs - clock.now();
    if (held === undefined || leftMs <= 0) {
      return toOwn(await ask());
    }
    if (leftMs < refreshAheadMs && clock.now() >= askAgainAtMs) {
      ask().catch(() => {}); // Told already, and asked again.
    }
    return toOwn(held);
  };
}

function toOwn({ accessKeyId, secretAccessKey, sessionToken, expiresAtMs }: Credentials): OwnCredentials {
  return { accessKeyId, secretAccessKey, sessionToken, expiration: new Date(expiresAtMs) };
}
