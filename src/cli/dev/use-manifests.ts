import type { Logger } from "../../runtime/logger.ts";
import type { ServerParts } from "../server-parts.ts";
import { createToCluster } from "./cluster.ts";
import { type GuideSts, guide } from "./guide.ts";
import type { DevListeners } from "./listeners.ts";
import type { ManifestObjects } from "./manifests.ts";

export interface UseManifestsDeps {
  readonly server: Pick<ServerParts, "pods" | "namespaces" | "decide">;
  readonly listeners: Pick<DevListeners, "reconcile" | "portOf">;
  readonly sts: GuideSts;
  readonly startedAtMs: number;
  readonly print: (text: string) => void;
  readonly logger: Pick<Logger, "warn">;
}

/**
 * Makes what manifests say the cluster that server and listeners know, and prints what can be done with it where that has
 * changed. Answers why some pods can't be served, in one line each; nothing is printed before all could be.
 */
export function useManifests(deps: UseManifestsDeps): (objects: ManifestObjects) => Promise<readonly string[]> {
  const { server, listeners, sts, print, logger } = deps;
  const toCluster = createToCluster(deps.startedAtMs);
  let printed: string | undefined;
  let told: readonly string[] = [];

  return async (objects) => {
    const { pods, namespaces, leftOut } = toCluster(objects);
    for (const line of leftOut.filter((one) => !told.includes(one))) {
      logger.warn(`left out: ${line}`);
    }
    told = leftOut;
    server.namespaces.replaceAll(namespaces);
    server.pods.replaceAll(pods.map(({ pod }) => pod));
    const problems = await listeners.reconcile(pods);
    const entries = pods.flatMap(({ pod, address }) => {
      const port = listeners.portOf(address);
      return port === undefined ? [] : [{ pod, decision: server.decide(pod), port }];
    });
    const text = guide(entries, sts);
    if (text !== printed && (problems.length === 0 || printed !== undefined)) {
      print(text);
      printed = text;
    }
    return problems;
  };
}
