import type { AssumeRole, IssueResult } from "../../domain/issue.ts";
import type { PodUid } from "../../domain/pod.ts";
import type { IdentityKey, RoleIdentity } from "../../domain/role-identity.ts";
import type { Clock } from "../../runtime/clock.ts";
import { createListeners, type Listeners } from "../../runtime/listeners.ts";
import { type Logger, reasonOf } from "../../runtime/logger.ts";
import type { ServerMetrics } from "../metrics.ts";
import { createCache, newestOf, noteAnswered } from "./cache.ts";
import { createCall } from "./call.ts";
import { createFlights } from "./flights.ts";
import { createLanding } from "./landing.ts";
import { createPace } from "./pace.ts";
import { createPrefetcher } from "./prefetcher.ts";
import { createRefresher } from "./refresher.ts";
import { createRequests } from "./requests.ts";

/** The credentials of all identities: one call of STS for each, whoever asks and however many. */
export interface Issuance {
  /** The newest known of an identity, without waiting. Expired credentials are never returned. */
  peek(key: IdentityKey): IssueResult | undefined;
  /**
   * For a pod's request: held credentials at once, else joins or starts the one flight. Rejects only with the signal's
   * reason; a caller that leaves takes nothing from the others. @param namespace of the pod that asks, for fairness
   */
  get(identity: RoleIdentity, namespace: string, signal: AbortSignal): Promise<IssueResult>;
  /** A pod was given the identity by {@link Issuance.get}. @param mayHave asked before a renewal that no pod wants */
  noteAnswered(key: IdentityKey, uid: PodUid, mayHave: () => boolean): void;
  /**
   * Wants the identity held, fetched now and renewed ahead of expiry, until disposed; wants are counted. The namespace is
   * for fairness among what is fetched in the background.
   */
  want(identity: RoleIdentity, namespace: string): Disposable;
  /** Forgets that STS refused the identity, because the annotation that asks for it changed. */
  forgetRefusal(key: IdentityKey): void;
  /** Told whenever what {@link Issuance.peek} answers for an identity is another. */
  readonly changes: Pick<Listeners<IdentityKey>, "add">;
  /** Prefetches and renews until aborted; then resolves. Requests are served before and after, too. */
  run(signal: AbortSignal): Promise<void>;
}

export interface IssuanceDeps {
  readonly assumeRole: AssumeRole;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics: Pick<
    ServerMetrics,
    | "cacheSize"
    | "cacheHits"
    | "cacheMisses"
    | "issuingErrors"
    | "assumeRoleSeconds"
    | "assumeRoleCurrent"
    | "renewals"
    | "rememberedRefusals"
  >;
  /** Calls of STS up at once for requests, and as many for what is fetched ahead. */
  readonly fetchers: number;
  /** How long before expiry credentials are renewed: `--session-refresh`, else `defaultAheadMs` of schedule.ts. */
  readonly refreshAheadMs: number;
}

export function createIssuance(deps: IssuanceDeps): Issuance {
  const { clock, metrics, refreshAheadMs } = deps;
  const listeners = createListeners<IdentityKey>();
  const cache = createCache(metrics);
  const land = createLanding({ ...deps, cache, tell });
  const pace = createPace({ ...deps, width: deps.fetchers });
  const flights = createFlights({ call: createCall(deps), pace, land });
  const requests = createRequests({ cache, flights, clock, metrics, refreshAheadMs });
  const prefetcher = createPrefetcher({ cache, flights, clock });
  const refresher = createRefresher({ cache, flights, clock, tell });

  /** A listener that throws must not keep the credentials from those who wait for them. */
  function tell(key: IdentityKey): void {
    try {
      listeners.tell(key);
    } catch (error) {
      deps.logger.error(`telling of new credentials failed: ${reasonOf(error)}`);
    }
  }

  return {
    peek: (key) => newestOf(cache.find(key), clock.now()),
    get: requests.get,
    noteAnswered(key, uid, mayHave) {
      const entry = cache.find(key);
      if (entry !== undefined) {
        noteAnswered(entry, uid, mayHave);
      }
    },
    want: prefetcher.want,
    forgetRefusal: prefetcher.forgetRefusal,
    changes: { add: listeners.add },
    run: refresher.run,
  };
}
