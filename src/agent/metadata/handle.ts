import type { Clock } from "../../runtime/clock.ts";
import type { Logger } from "../../runtime/logger.ts";
import type { Lookup } from "../credentials/lookup.ts";
import type { CredentialStore } from "../credentials/store.ts";
import type { AgentMetrics } from "../metrics.ts";
import { createAccessLog } from "./access-log.ts";
import { createAudit } from "./audit.ts";
import { createCredentialAnswers } from "./credentials.ts";
import { createForward, type Forwarding } from "./forward.ts";
import { createHealth } from "./health.ts";
import type { ReadInstanceId } from "./instance-id.ts";
import { createInstanceProfileAnswers } from "./instance-profile.ts";
import { createObserver } from "./observe.ts";
import { createPodRoutes } from "./pod-routes.ts";
import { createRouter, type Handle } from "./router.ts";
import { createTokenKeys } from "./token-keys.ts";
import { createImdsTokens } from "./tokens.ts";
import type { UnclaimedAddresses } from "./unclaimed-addresses.ts";

export interface HandleOptions {
  /** `required`: requests without a valid IMDSv2 token are refused. `optional`: a token makes no difference. */
  readonly imdsTokens: "optional" | "required";
  readonly nodeName: string;
  /** The TLS private key, which token keys are derived from; `undefined` while there is no usable one. */
  readonly tokenKey: () => Uint8Array | undefined;
  readonly readInstanceId: ReadInstanceId;
  /** Which other paths are forwarded; nothing is where absent. */
  readonly forwarding?: Forwarding | undefined;
  /** Whether a server's stream is open and in sync. */
  readonly isConnected: () => boolean;
  readonly store: CredentialStore;
  readonly lookup: Lookup;
  readonly metrics: AgentMetrics;
  readonly log: Logger;
  readonly clock: Clock;
  /** A clock for durations, in milliseconds and fractions. */
  readonly monotonicMs: () => number;
  readonly randomBytes: (length: number) => Uint8Array;
}

/** Puts the routes together: all of the metadata service but its sockets. */
export function createHandle(options: HandleOptions, unclaimed: UnclaimedAddresses): Handle {
  const { store, lookup, metrics, log, clock, monotonicMs, randomBytes } = options;
  const keys = createTokenKeys({ keyMaterial: options.tokenKey, nodeName: options.nodeName, clock, randomBytes });
  return createRouter({
    pods: createPodRoutes({
      lookup,
      tokens: createImdsTokens({ keys, unclaimed, clock }),
      imdsTokens: options.imdsTokens,
      answerCredentials: createCredentialAnswers(createAudit(log), metrics),
      answerProfile: createInstanceProfileAnswers(clock),
      forward: createForward({ forwarding: options.forwarding, clock, log }),
      metrics,
    }),
    health: createHealth({
      readInstanceId: options.readInstanceId,
      problem: () =>
        options.isConnected() || store.holdsUnexpired()
          ? undefined
          : "no kiam server answers, and no valid credentials are held",
      clock,
    }),
    observer: createObserver(metrics),
    accessLog: createAccessLog({ log, clock }),
    log,
    monotonicMs,
  });
}
