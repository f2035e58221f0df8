import { Registry } from "prom-client";
import { type CredentialStore, createCredentialStore } from "../../src/agent/credentials/store.ts";
import { createAgentMetrics } from "../../src/agent/metrics.ts";
import type { NodeUpdate } from "../../src/domain/node-pod.ts";
import { createFakeClock, type FakeClock } from "./clock.ts";

/** The real store on a fake clock, with what it was told so far. */
export function aStore(...updates: readonly NodeUpdate[]): {
  readonly store: CredentialStore;
  readonly clock: FakeClock;
} {
  const clock = createFakeClock();
  const store = createCredentialStore({ clock, metrics: createAgentMetrics(new Registry()) });
  updates.forEach(store.apply);
  return { store, clock };
}
