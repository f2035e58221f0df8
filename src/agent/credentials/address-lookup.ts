import { type Credentials, isUnexpired } from "../../domain/credentials.ts";
import { explain } from "../../domain/denial.ts";
import type { IpAddress } from "../../domain/ip-address.ts";
import { mayBeSameRole } from "../../domain/requested-role.ts";
import { deadline } from "../../runtime/abort.ts";
import type { Clock } from "../../runtime/clock.ts";
import { entitlementOf } from "./entitlement.ts";
import { unknownPodPatienceMs } from "./find-pod.ts";
import type { AddressRequest, GoRefusal, GoServers, NotInUse } from "./go-servers.ts";
import type { CredentialStore } from "./store.ts";

/** How requests are answered while Go servers serve: each asks one of them, by the address it came from. */
export interface AddressLookup {
  /** Waits up to 800 ms for an address that nobody is known to have. Rejects only with the signal's reason. */
  findRole(address: IpAddress, signal: AbortSignal): Promise<RoleAtAddress>;
  /** The same; an STS call is waited for up to 5 s. */
  findCredentials(request: AddressRequest, signal: AbortSignal): Promise<CredentialsAtAddress>;
}

export type RoleAtAddress = { readonly kind: "role"; readonly name: string } | NotFoundAtAddress | NotInUse;

export type CredentialsAtAddress =
  | { readonly kind: "issued"; readonly credentials: Credentials }
  | { readonly kind: "denied"; readonly explanation: string }
  | NotFoundAtAddress
  | NotInUse;

type NotFoundAtAddress =
  | { readonly kind: "no-role" }
  /** No pod has the address. */
  | { readonly kind: "unknown" }
  | { readonly kind: "doubt" }
  | { readonly kind: "unavailable"; readonly reason: string };

export interface AddressLookupOptions {
  readonly goServers: GoServers;
  readonly store: Pick<CredentialStore, "disown">;
  readonly clock: Clock;
}

/** A Go server hears of a new pod by its watch and can't tell this agent: it is asked again. The Go release's agent asks far oftener. */
const askAgainAfterMs = 100;

export function createAddressLookup({ goServers, store, clock }: AddressLookupOptions): AddressLookup {
  /** Asks until somebody has the address, or patience has run out. */
  async function untilKnown<Answer extends { readonly kind: string }>(
    ask: () => Promise<Answer>,
    signal: AbortSignal,
  ): Promise<Answer> {
    using limit = deadline(unknownPodPatienceMs, clock, signal);
    for (;;) {
      const answer = await ask();
      if (answer.kind !== "unknown" || limit.signal.aborted) {
        return answer;
      }
      try {
        await clock.sleep(askAgainAfterMs, limit.signal);
      } catch {
        signal.throwIfAborted();
        return answer;
      }
    }
  }

  async function roleOf(address: IpAddress, signal: AbortSignal): Promise<RoleAtAddress> {
    const answer = await goServers.role(address, signal);
    switch (answer.kind) {
      case "role":
        store.disown(address, ({ annotatedRole }) => annotatedRole === answer.name);
        return answer.name === "" ? { kind: "no-role" } : answer;
      case "not-in-use":
        return answer;
      default:
        return refused(answer, address);
    }
  }

  /** What was held of an address that nobody has, as a server says, is held no longer. */
  function refused(refusal: GoRefusal, address: IpAddress): NotFoundAtAddress {
    switch (refusal.kind) {
      case "nobody":
        store.disown(address);
        return { kind: "unknown" };
      case "doubt":
        store.disown(address);
        return refusal;
      case "failed":
        return { kind: "unavailable", reason: refusal.reason };
      default:
        return refusal satisfies never;
    }
  }

  /** A Go server says no more than that policy forbids it. */
  async function denied({ address, role }: AddressRequest, signal: AbortSignal): Promise<CredentialsAtAddress> {
    store.disown(address, (pod) => entitlementOf(pod, role).kind !== "entitled");
    const found = await roleOf(address, signal);
    switch (found.kind) {
      case "no-role":
      case "not-in-use":
        return found;
      case "role":
        return {
          kind: "denied",
          explanation: mayBeSameRole(role, found.name)
            ? "forbidden by policy; the kiam server's log says by which"
            : explain({ kind: "role-mismatch", requested: role, annotated: found.name }),
        };
      default:
        return { kind: "denied", explanation: "forbidden by policy" };
    }
  }

  async function credentialsOf(request: AddressRequest, signal: AbortSignal): Promise<CredentialsAtAddress> {
    const answer = await goServers.credentials(request, signal);
    switch (answer.kind) {
      case "credentials":
        store.disown(request.address, (pod) => entitlementOf(pod, request.role).kind === "entitled");
        return isUnexpired(answer.credentials, clock.now())
          ? { kind: "issued", credentials: answer.credentials }
          : { kind: "unavailable", reason: "the kiam server gave credentials that have expired" };
      case "forbidden":
        return await denied(request, signal);
      case "not-in-use":
        return answer;
      default:
        return refused(answer, request.address);
    }
  }
  return {
    findRole: (address, signal) => untilKnown(() => roleOf(address, signal), signal),
    findCredentials: (request, signal) => untilKnown(() => credentialsOf(request, signal), signal),
  };
}
