import { hash } from "node:crypto";
import type { Brand } from "./brand.ts";
import type { RoleArn } from "./role-arn.ts";

/** What STS is asked for on a pod's behalf. Pods that agree in all of it share credentials. */
export interface RoleIdentity {
  readonly role: RoleArn;
  readonly sessionName: string;
  readonly externalId?: string;
}

/** Names a {@link RoleIdentity}: the same text on every replica, and nothing to learn from it. */
export type IdentityKey = Brand<string, "IdentityKey">;

/** A digest, because the external id may not be shown to anyone. */
export function identityKey(identity: RoleIdentity): IdentityKey {
  const parts = JSON.stringify([identity.role, identity.sessionName, identity.externalId ?? null]);
  return hash("sha256", parts, "base64url") as IdentityKey;
}
