import { isIPv6 } from "node:net";
import type { Clock } from "../../runtime/clock.ts";
import type { Logger } from "../../runtime/logger.ts";
import type { Lookup } from "../credentials/lookup.ts";
import type { CredentialStore } from "../credentials/store.ts";
import type { AgentMetrics } from "../metrics.ts";
import { createAudit } from "./audit.ts";
import type { Callers } from "./callers.ts";
import { trackConnections } from "./connections.ts";
import { createCredentialAnswers } from "./credentials.ts";
import { createHealth } from "./health.ts";
import type { ReadInstanceId } from "./instance-id.ts";
import { type Listener, listen } from "./listener.ts";
import { createObserver } from "./observe.ts";
import { createPodRoutes } from "./pod-routes.ts";
import { createRouter } from "./router.ts";
import { createTokenKeys } from "./token-keys.ts";
import { createImdsTokens } from "./tokens.ts";
import { watchUnclaimedAddresses } from "./unclaimed-addresses.ts";

export interface MetadataOptions {
  /** The addresses to listen on, loopback besides; empty for all addresses. */
  readonly hosts: readonly string[];
  /** 0 takes a free one. */
  readonly port: number;
  readonly callers: Callers;
  /** `required`: requests without a valid IMDSv2 token are refused. `optional`: a token makes no difference. */
  readonly imdsTokens: "optional" | "required";
  readonly nodeName: string;
  /** The TLS private key, which token keys are derived from; `undefined` while there is no usable one. */
  readonly tokenKey: () => Uint8Array | undefined;
  readonly readInstanceId: ReadInstanceId;
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

/** Dispose it to stop answering: requests under way have two seconds. */
export interface MetadataServer extends AsyncDisposable {
  readonly port: number;
}

export class MetadataListenError extends Error {
  override readonly name = "MetadataListenError";
}

const graceMs = 2_000;

/** Answers pods as the metadata service would. @throws MetadataListenError where an address can't be listened on */
export async function serveMetadata(options: MetadataOptions): Promise<MetadataServer> {
  const { store, lookup, metrics, log, clock, monotonicMs, randomBytes } = options;
  await using resources = new AsyncDisposableStack();
  const connections = resources.use(trackConnections({ store, metrics }));
  const unclaimed = resources.use(watchUnclaimedAddresses({ store, clock, randomBytes }));
  const keys = createTokenKeys({ keyMaterial: options.tokenKey, nodeName: options.nodeName, clock, randomBytes });
  const handle = createRouter({
    pods: createPodRoutes({
      lookup,
      tokens: createImdsTokens({ keys, unclaimed, clock }),
      imdsTokens: options.imdsTokens,
      answerCredentials: createCredentialAnswers(createAudit(log), metrics),
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
    metrics,
    log,
    monotonicMs,
  });

  const listeners: Listener[] = [];
  resources.defer(() => closeAll(listeners, clock));
  let { port } = options;
  for (const host of hostsOf(options)) {
    const listener = await listenOn(host, () =>
      listen({ host, port, callers: options.callers, connections, handle, log }),
    );
    listeners.push(listener);
    port = listener.port;
  }

  const undo = resources.move();
  return { port, [Symbol.asyncDispose]: () => undo.disposeAsync() };
}

/** With loopback for the node's own probes; of several on a free port the first chooses it. */
function hostsOf({ hosts }: MetadataOptions): readonly (string | undefined)[] {
  const loopback = [hosts.some((host) => !isIPv6(host)) ? ["127.0.0.1"] : [], hosts.some(isIPv6) ? ["::1"] : []].flat();
  return hosts.length === 0 ? [undefined] : [...new Set([...hosts, ...loopback])];
}

async function listenOn(host: string | undefined, start: () => Promise<Listener>): Promise<Listener> {
  try {
    return await start();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new MetadataListenError(`can't listen on ${host ?? "all addresses"}: ${reason}`, { cause: error });
  }
}

async function closeAll(listeners: readonly Listener[], clock: Clock): Promise<void> {
  using _force = clock.after(graceMs, () => {
    for (const listener of listeners) {
      listener.closeNow();
    }
  });
  await Promise.all(listeners.map((listener) => listener.close()));
}
