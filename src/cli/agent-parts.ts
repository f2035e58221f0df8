import type { Registry } from "prom-client";
import { createLookup } from "../agent/credentials/lookup.ts";
import { createCredentialStore } from "../agent/credentials/store.ts";
import { createNodeClient } from "../agent/feed/node-client.ts";
import { createFeed } from "../agent/feed/subscriber.ts";
import type { Callers } from "../agent/metadata/callers.ts";
import type { Forwarding } from "../agent/metadata/forward.ts";
import type { ReadInstanceId } from "../agent/metadata/instance-id.ts";
import { type MetadataServer, serveMetadata } from "../agent/metadata/serve.ts";
import type { AgentMetrics } from "../agent/metrics.ts";
import { countCalls } from "../rpc/metrics.ts";
import type { TlsIdentity } from "../rpc/tls-options.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Listeners } from "../runtime/listeners.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Task } from "../runtime/tasks.ts";
import type { Probe } from "../telemetry/http.ts";
import type { HostPort } from "./address-kinds.ts";
import type { ClientTimings } from "./client-timings.ts";
import type { TlsMetrics } from "./tls-metrics.ts";

export interface AgentSettings {
  /** Empty where it was not told: then the servers find it by the address. */
  readonly nodeName: string;
  /** The node's address; empty where it is not known. */
  readonly hostIp: string;
  readonly serverAddress: HostPort;
  readonly timings: ClientTimings;
  /** Whether requests without an IMDSv2 token are answered. */
  readonly imdsTokens: "optional" | "required";
}

/** The world outside an agent. */
export interface AgentDeps {
  /** What to connect with; `current` is `undefined` while there is nothing usable. */
  readonly tls: { readonly current: TlsIdentity | undefined; readonly changes: Pick<Listeners<unknown>, "add"> };
  /** `undefined` where the agent has no token. */
  readonly readToken: () => Promise<string | undefined>;
  /** Every address of a host's name. */
  readonly resolve: (host: string) => Promise<readonly string[]>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly monotonicMs: () => number;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly metrics: AgentMetrics;
  readonly tlsMetrics: Pick<TlsMetrics, "refusedCertificates">;
}

/** Where one metadata listener is, and for whom. */
export interface MetadataPlace {
  /** Empty for all addresses. */
  readonly hosts: readonly string[];
  readonly port: number;
  readonly callers: Callers;
  readonly readInstanceId: ReadInstanceId;
  /** Which other paths are forwarded; nothing is where absent. */
  readonly forwarding?: Forwarding | undefined;
}

/** An agent without its redirect. */
export interface AgentParts {
  /** @throws MetadataListenError */
  serveMetadata(place: MetadataPlace): Promise<MetadataServer>;
  /** Keeps the store at what the servers say. */
  readonly followFeed: Task;
  readonly ready: Probe;
  /** How many pods on the node may have a role. */
  readonly podsWithRoles: () => number;
}

export function createAgentParts(settings: AgentSettings, deps: AgentDeps): AgentParts {
  const { nodeName, hostIp, serverAddress, imdsTokens } = settings;
  const { tls, clock, random, logger, registry, metrics } = deps;
  const store = createCredentialStore({ clock, metrics });
  const openReplica = createNodeClient({
    serverName: serverAddress.host,
    port: serverAddress.port,
    claim: { nodeName, hostIp },
    tls: () => tls.current,
    tlsChanges: tls.changes,
    readToken: deps.readToken,
    interceptors: [countCalls("client", registry)],
    ...settings.timings,
    clock,
    onRefusedCertificate: () => deps.tlsMetrics.refusedCertificates.inc(),
  });
  const feed = createFeed({
    ...{ store, openReplica, metrics, clock, random },
    resolve: () => deps.resolve(serverAddress.host),
    tlsChanges: tls.changes,
    log: logger,
  });
  const lookup = createLookup({ store, ask: feed.ask, goServers: feed.goServers, clock, metrics });

  return {
    serveMetadata: (place) =>
      serveMetadata({
        ...place,
        imdsTokens,
        nodeName: nodeName || hostIp,
        tokenKey: keyBytesOf(() => tls.current?.key),
        isConnected: () => feed.isConnected || feed.goServers.inUse,
        log: logger,
        ...{ store, lookup, metrics, clock },
        monotonicMs: deps.monotonicMs,
        randomBytes: deps.randomBytes,
      }),
    followFeed: (signal) => feed.follow(signal),
    ready: () => (store.synced || feed.goServers.inUse ? undefined : "not in sync with a server yet"),
    podsWithRoles: () => store.podsWithRoles,
  };
}

/** A text's bytes: the same object while the text is the same. */
function keyBytesOf(read: () => string | undefined): () => Uint8Array | undefined {
  let text: string | undefined;
  let bytes: Uint8Array | undefined;
  return () => {
    const now = read();
    if (now !== text) {
      text = now;
      bytes = now === undefined ? undefined : new TextEncoder().encode(now);
    }
    return bytes;
  };
}
