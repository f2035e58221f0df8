import type { Credentials } from "../../domain/credentials.ts";
import type { IpAddress } from "../../domain/ip-address.ts";
import type { IssueFailure } from "../../domain/issue.ts";
import type { NodePod } from "../../domain/node-pod.ts";
import type { Clock } from "../../runtime/clock.ts";
import { createListeners } from "../../runtime/listeners.ts";
import type { AskServer } from "./ask.ts";
import { entitlementOf } from "./entitlement.ts";
import type { GoServers } from "./go-servers.ts";
import type { CredentialStore } from "./store.ts";
import { waitOnStore } from "./wait-on-store.ts";

/** What a pod gets that asks for credentials; or that only a Go server can tell. */
export type CredentialsFound = CredentialsDecided | { readonly kind: "ask-by-address" };

/** What a pod that the store knows gets. */
export type CredentialsDecided =
  | { readonly kind: "issued"; readonly credentials: Credentials }
  | { readonly kind: "denied"; readonly explanation: string }
  | { readonly kind: "no-role" }
  /** STS gave none, and nothing valid is held. */
  | { readonly kind: "failed"; readonly failure: IssueFailure }
  /** Nothing valid is held, and no server gave any in time. */
  | { readonly kind: "unavailable"; readonly reason: string }
  /** The address is not that pod's any more. */
  | { readonly kind: "moved" };

/** A pod that wants the credentials of a role. */
export interface CredentialRequest {
  readonly pod: NodePod;
  /** Where the request came from. */
  readonly address: IpAddress;
  /** The role asked for, decoded once. */
  readonly role: string;
}

export interface CredentialLookup {
  held(pod: NodePod, role: string): CredentialsDecided | undefined;
  find(request: CredentialRequest, signal: AbortSignal): Promise<CredentialsFound>;
}

export interface CredentialLookupOptions {
  readonly store: Pick<CredentialStore, "owner" | "credentials" | "failure" | "changes">;
  readonly goServers: Pick<GoServers, "inUse" | "changes">;
  readonly ask: AskServer;
  readonly clock: Clock;
}

/** Longer than any STS call that is going to succeed, and than most SDKs wait. */
const patienceMs = 5_000;

/** Where no server can be reached: SDKs give up after a second, and a server that is back by then is in time. */
const unreachablePatienceMs = 800;

/** A pod in a loop costs a server one question in that time; what mends the failure comes by the stream anyway. */
const failureHoldsMs = 1_000;

export function createCredentialLookup({ store, goServers, ask, clock }: CredentialLookupOptions): CredentialLookup {
  function held(pod: NodePod, role: string): CredentialsDecided | undefined {
    const entitlement = entitlementOf(pod, role);
    if (entitlement.kind !== "entitled") {
      return entitlement;
    }
    const credentials = store.credentials(entitlement.identity);
    if (credentials !== undefined) {
      return { kind: "issued", credentials };
    }
    const heard = store.failure(entitlement.identity);
    return heard !== undefined && clock.now() - heard.heardAtMs < failureHoldsMs
      ? { kind: "failed", failure: heard.failure }
      : undefined;
  }

  async function find({ pod, address, role }: CredentialRequest, signal: AbortSignal): Promise<CredentialsFound> {
    const startedAtMs = clock.now();
    const news = createListeners<void>();
    let reason = `no credentials came within ${patienceMs} ms`;
    let isAsked = false;
    let isUnreachable = false;

    /** What the store says of the pod now is what counts, however long ago the request came. */
    function look(over: AbortSignal): CredentialsFound | undefined {
      if (goServers.inUse) {
        return { kind: "ask-by-address" };
      }
      const owner = store.owner(address);
      const found: CredentialsFound | undefined =
        owner.kind === "owner" && owner.pod.uid === pod.uid ? held(owner.pod, role) : { kind: "moved" };
      if (found === undefined && !isAsked) {
        isAsked = true;
        askAside(over);
      }
      return found ?? hopeless();
    }

    function hopeless(): CredentialsFound | undefined {
      const isLate = clock.now() - startedAtMs >= unreachablePatienceMs;
      return isUnreachable && isLate ? outOfTime(pod, reason) : undefined;
    }

    function askAside(over: AbortSignal): void {
      ask(address, { withCredentials: true }, over).then(
        (outcome) => {
          if (outcome.kind === "unavailable" || outcome.kind === "unreachable") {
            isUnreachable = outcome.kind === "unreachable";
            reason = outcome.reason;
            news.tell();
          }
        },
        () => undefined, // It was aborted, because the wait is over.
      );
    }

    using _soon = clock.after(unreachablePatienceMs, () => news.tell());
    const waiting = { changes: [store.changes, goServers.changes, news], clock, patienceMs };
    return (await waitOnStore(look, waiting, signal)) ?? outOfTime(pod, reason);
  }

  function outOfTime({ decision }: NodePod, reason: string): CredentialsDecided {
    const heard = decision.kind === "allowed" ? store.failure(decision.identity) : undefined;
    return heard === undefined ? { kind: "unavailable", reason } : { kind: "failed", failure: heard.failure };
  }

  return { held, find };
}
