import { Registry } from "prom-client";
import { createLookup } from "../../src/agent/credentials/lookup.ts";
import { createHandle, type HandleOptions } from "../../src/agent/metadata/handle.ts";
import { watchUnclaimedAddresses } from "../../src/agent/metadata/unclaimed-addresses.ts";
import { createAgentMetrics } from "../../src/agent/metrics.ts";
import type { NodeUpdate } from "../../src/domain/node-pod.ts";
import { aStore } from "./credential-stores.ts";
import { createGoServers } from "./go-servers.ts";
import { createRecordingLogger } from "./recording-logger.ts";
import { createServerAnswers } from "./server-answers.ts";

/** All that the metadata service is made of, on a fake clock and a store that was told the updates. */
export function metadataParts(...updates: readonly NodeUpdate[]) {
  const { store, clock } = aStore(...updates);
  const servers = createServerAnswers();
  const registry = new Registry();
  const metrics = createAgentMetrics(registry);
  const log = createRecordingLogger();
  const goServers = createGoServers();
  const lookup = createLookup({ store, ask: servers.ask, goServers, clock, metrics });
  let drawn = 0;
  const options: HandleOptions = {
    imdsTokens: "optional",
    nodeName: "node-a",
    tokenKey: () => new TextEncoder().encode("a TLS key"),
    readInstanceId: async () => "i-0123456789abcdef0",
    isConnected: () => true,
    monotonicMs: () => clock.now(),
    /** As random as a test needs: no two draws are alike. */
    randomBytes(length) {
      drawn += 1;
      return new Uint8Array(length).fill(drawn);
    },
    ...{ store, lookup, metrics, log, clock },
  };
  return { options, store, clock, servers, goServers, registry, metrics, log };
}

/** The metadata service without its sockets. */
export function aMetadataService(overrides: Partial<HandleOptions>, ...updates: readonly NodeUpdate[]) {
  const parts = metadataParts(...updates);
  const { store, clock } = parts;
  const unclaimed = watchUnclaimedAddresses({ store, clock, randomBytes: parts.options.randomBytes });
  return { ...parts, handle: createHandle({ ...parts.options, ...overrides }, unclaimed) };
}
