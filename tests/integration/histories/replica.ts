import { createContextValues, type HandlerContext } from "@connectrpc/connect";
import { Registry } from "prom-client";
import type { NodeUpdate, PodAnswer } from "../../../src/domain/node-pod.ts";
import type { Namespace, Pod } from "../../../src/domain/pod.ts";
import { fromLookupPodResponse, fromWatchNodeResponse } from "../../../src/rpc/convert.ts";
import type { Clock } from "../../../src/runtime/clock.ts";
import type { Logger } from "../../../src/runtime/logger.ts";
import { createHub } from "../../../src/server/feed/hub.ts";
import { createIssuance } from "../../../src/server/issuance/issuance.ts";
import { createServerMetrics } from "../../../src/server/metrics.ts";
import { createPatterns } from "../../../src/server/policy/patterns.ts";
import { createPolicy } from "../../../src/server/policy/policy.ts";
import { createNodeService } from "../../../src/server/rpc/node-service.ts";
import { createPodLookup } from "../../../src/server/rpc/pod-lookup.ts";
import { createNamespaceStore } from "../../../src/server/workload/namespaces.ts";
import { createPodStore } from "../../../src/server/workload/pods.ts";
import type { FakeSts } from "../../fakes/sts.ts";
import { type ApiLog, itemsAt, type LogEntry } from "./api-log.ts";
import { agentNode, baseArn } from "./verdict.ts";

/** What all servers of all histories share: nothing that a history could tell. */
export function createServerSurroundings() {
  const policy = { baseArn, defaultSession: "kiam", serversOwnRoles: () => [] };
  return {
    metrics: createServerMetrics(new Registry()),
    decide: createPolicy({ ...policy, patterns: createPatterns("whole") }),
  };
}

export type Kind = "pods" | "namespaces";

/** One server of the cluster, all of it but its sockets and its API server. */
export interface MemoryReplica extends Disposable {
  /** The watch brings the next of what has happened; @param skipped so many of other pods are late */
  deliver(kind: Kind, skipped?: number): boolean;
  /** The watch begins anew with a list of what there is. */
  list(kind: Kind): void;
  /** As every minute. */
  decideAgain(): void;
  watch(signal: AbortSignal): AsyncIterable<NodeUpdate>;
  ask(address: string, withCredentials: boolean, signal: AbortSignal): Promise<PodAnswer>;
}

export interface ReplicaDeps extends ReturnType<typeof createServerSurroundings> {
  readonly log: ApiLog;
  readonly sts: FakeSts;
  readonly clock: Clock;
}

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} };
const nobodyTold = { happened() {}, stands() {} };

export function createMemoryReplica({ log, sts, clock, metrics, decide }: ReplicaDeps): MemoryReplica {
  const stopping = new AbortController();
  const pods = createPodStore();
  const namespaces = createNamespaceStore();
  const issuance = createIssuance({
    ...{ assumeRole: sts.assumeRole, clock, metrics, logger: silent, random: () => 0.5 },
    fetchers: 8,
    refreshAheadMs: 5 * 60_000,
  });
  const hub = createHub({
    ...{ pods, namespaces, decide, issuance, clock, metrics, logger: silent, events: nobodyTold },
    heartbeatIntervalMs: 10_000,
  });
  const lookup = createPodLookup({ pods, namespaces, decide, issuance, failures: { note() {} }, clock });
  const service = createNodeService({
    ...{ hub, lookup, denials: { note() {} } },
    callers: {
      identify: async () => ({ proof: { kind: "unproven", nodeName: agentNode }, nodeName: agentNode }),
      turnedAway() {},
    },
    watchProof: () => ({ signal: stopping.signal, [Symbol.dispose]() {} }),
  });
  const behind = { pods: [] as LogEntry<Pod>[], namespaces: [] as LogEntry<Namespace>[] };
  let [readPods, readNamespaces] = [0, 0];
  issuance.run(stopping.signal).catch(() => undefined);

  /** What has happened since is on its way. */
  function fetch(): void {
    behind.pods.push(...log.pods.slice(readPods));
    behind.namespaces.push(...log.namespaces.slice(readNamespaces));
    [readPods, readNamespaces] = [log.pods.length, log.namespaces.length];
  }

  function list(kind: Kind): void {
    fetch();
    behind[kind].length = 0;
    if (kind === "pods") {
      pods.replaceAll(itemsAt(log.pods, log.version), String(log.version));
    } else {
      namespaces.replaceAll(itemsAt(log.namespaces, log.version), String(log.version));
    }
  }

  function takePod(skipped: number): boolean {
    // Events of one pod never overtake each other.
    const passed = new Set(behind.pods.slice(0, skipped).map(({ id }) => id));
    const index = Math.max(
      behind.pods.findIndex(({ id }, at) => at >= skipped && !passed.has(id)),
      0,
    );
    const [entry] = behind.pods.splice(index, 1);
    if (entry?.item !== undefined) {
      pods.upsert(entry.item);
    } else if (entry !== undefined) {
      pods.remove(entry.id as Pod["uid"], String(entry.version));
    }
    return entry !== undefined;
  }

  function takeNamespace(): boolean {
    const entry = behind.namespaces.shift();
    if (entry?.item !== undefined) {
      namespaces.upsert(entry.item);
    } else if (entry !== undefined) {
      namespaces.remove(entry.id, String(entry.version));
    }
    return entry !== undefined;
  }

  const contextOf = (signal: AbortSignal) =>
    ({ signal: AbortSignal.any([signal, stopping.signal]), values: createContextValues() }) as HandlerContext;
  list("namespaces");
  list("pods");
  return {
    deliver(kind, skipped = 0) {
      fetch();
      return kind === "pods" ? takePod(skipped) : takeNamespace();
    },
    list,
    decideAgain: () => hub.decideAgain(),
    async *watch(signal) {
      const claim = { $typeName: "kiam.v1.NodeClaim" as const, nodeName: agentNode, hostIp: "" };
      const request = { $typeName: "kiam.v1.WatchNodeRequest" as const, claim };
      for await (const message of service.watchNode(request, contextOf(signal))) {
        yield fromWatchNodeResponse(message as Parameters<typeof fromWatchNodeResponse>[0]);
      }
    },
    async ask(address, withCredentials, signal) {
      const request = { $typeName: "kiam.v1.LookupPodRequest" as const, address, withCredentials };
      const answer = await service.lookupPod(request, contextOf(signal));
      return fromLookupPodResponse(answer as Parameters<typeof fromLookupPodResponse>[0]);
    },
    [Symbol.dispose]() {
      stopping.abort(new Error("the server is gone"));
      hub[Symbol.dispose]();
    },
  };
}
