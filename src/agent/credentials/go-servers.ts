import type { Credentials } from "../../domain/credentials.ts";
import type { IpAddress } from "../../domain/ip-address.ts";
import type { Listeners } from "../../runtime/listeners.ts";

/**
 * The servers of the Go release. They decide at each call, by an address alone, and tell neither which pod they mean nor
 * when it has gone: nothing of what they answer is kept.
 */
export interface GoServers {
  /** Whether pods are served by them: one is there, and no server with the node service is. */
  readonly inUse: boolean;
  /** Told when that changes. */
  readonly changes: Pick<Listeners<void>, "add">;
  /** Asks for the role of the pod at an address. Rejects only with the signal's reason. */
  role(address: IpAddress, signal: AbortSignal): Promise<GoRole | NotInUse>;
  /** Asks for a role's credentials for the pod at an address. Rejects only with the signal's reason. */
  credentials(request: AddressRequest, signal: AbortSignal): Promise<GoCredentials | NotInUse>;
}

/** Whoever has an address wants the credentials of a role. */
export interface AddressRequest {
  readonly address: IpAddress;
  /** As it is asked for, decoded once. */
  readonly role: string;
}

export type GoRole =
  /** As annotated; empty where the pod has none. */
  { readonly kind: "role"; readonly name: string } | GoRefusal;

export type GoCredentials =
  | { readonly kind: "credentials"; readonly credentials: Credentials }
  /** By policy. */
  | { readonly kind: "forbidden" }
  | GoRefusal;

export type GoRefusal =
  | { readonly kind: "nobody" }
  /** Several pods have the address. */
  | { readonly kind: "doubt" }
  | { readonly kind: "failed"; readonly reason: string };

/** None of them is there any more, or none is needed. */
export interface NotInUse {
  readonly kind: "not-in-use";
}
