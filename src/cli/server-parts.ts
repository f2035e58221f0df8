import type { Registry } from "prom-client";
import type { Decision } from "../domain/decision.ts";
import type { AssumeRole } from "../domain/issue.ts";
import type { ResourceSink } from "../domain/observed.ts";
import type { Namespace, Pod, PodUid } from "../domain/pod.ts";
import type { PostPodEvent } from "../domain/pod-event.ts";
import type { RoleArn } from "../domain/role-arn.ts";
import type { ReviewToken } from "../domain/token-review.ts";
import type { ConnectionLimits } from "../rpc/connection-life.ts";
import type { PingTimes } from "../rpc/keep-alive.ts";
import { listenRpc, type RpcServer } from "../rpc/listen.ts";
import { countCalls } from "../rpc/metrics.ts";
import type { TlsIdentity } from "../rpc/tls-options.ts";
import type { Clock } from "../runtime/clock.ts";
import { type Logger, reasonOf } from "../runtime/logger.ts";
import { runAll, type Task } from "../runtime/tasks.ts";
import { createPodEvents } from "../server/events/pod-events.ts";
import { createHub } from "../server/feed/hub.ts";
import { createNodeAuthorizer } from "../server/identity/authorize.ts";
import { createProofWatch } from "../server/identity/watch-proof.ts";
import { createIssuance } from "../server/issuance/issuance.ts";
import type { ServerMetrics } from "../server/metrics.ts";
import { createPatterns } from "../server/policy/patterns.ts";
import { createPolicy } from "../server/policy/policy.ts";
import { createRoutes } from "../server/rpc/routes.ts";
import { logChanges } from "../server/workload/change-log.ts";
import { createNamespaceStore } from "../server/workload/namespaces.ts";
import { createPodStore } from "../server/workload/pods.ts";
import type { HostPort } from "./address-kinds.ts";
import type { ServiceAccount } from "./kiam-kinds.ts";
import { createRefusedHandshakes } from "./refused-handshakes.ts";
import type { TlsMetrics } from "./tls-metrics.ts";

/** How a server keeps its connections; they are pinged because a heartbeat that is lost in the network is nobody's error. */
export interface ConnectionSettings extends Omit<PingTimes, "clock"> {
  readonly limits: ConnectionLimits;
}

/** What is told of a server by its flags. */
export interface ServerSettings {
  readonly bind: HostPort;
  readonly connections: ConnectionSettings;
  readonly agentIdentity: "prefer" | "required";
  /** Whose tokens prove a node. */
  readonly agentServiceAccounts: readonly ServiceAccount[];
  /** Whose SPIFFE ids prove a node; without it none does. */
  readonly trustDomain?: string | undefined;
  readonly roleBaseArn: string;
  /** Whether a namespace's pattern must match the whole role ARN. */
  readonly patternsMatch: "whole" | "anywhere";
  readonly sessionName: string;
  readonly refreshAheadMs: number;
  readonly fetchers: number;
}

/** The world outside a server. */
export interface ServerDeps {
  readonly assumeRole: AssumeRole;
  /** Roles that are never issued. */
  readonly ownRoles: () => readonly RoleArn[];
  readonly reviewToken: ReviewToken;
  readonly postPodEvent: PostPodEvent;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly metrics: ServerMetrics;
  readonly tlsMetrics: TlsMetrics;
}

/** A server without its sources: whoever fills the stores makes it know the cluster. */
export interface ServerParts extends Disposable {
  readonly pods: ResourceSink<Pod, PodUid>;
  readonly namespaces: ResourceSink<Namespace, string>;
  /** What policy says of a pod now. */
  decide(pod: Pod): Decision;
  /** Policy says something else now than what it was asked with, as when another role is the server's own. */
  decideAgain(): void;
  /** Prefetches and renews. */
  readonly run: Task;
  /** Serves agents from now on: call it once the stores are in sync. @throws Error where the address can't be listened on */
  listen(tls: TlsIdentity): Promise<RpcServer>;
}

/** A stream that has nothing to say for so long says that; agents take three times as long for a loss. */
const heartbeatIntervalMs = 10_000;

const tokenAudience = "kiam-server";

export function createServerParts(settings: ServerSettings, deps: ServerDeps): ServerParts {
  const { clock, logger, metrics } = deps;
  const pods = createPodStore();
  const namespaces = createNamespaceStore();
  const decide = createPolicy({
    baseArn: settings.roleBaseArn,
    defaultSession: settings.sessionName,
    serversOwnRoles: deps.ownRoles,
    patterns: createPatterns(settings.patternsMatch),
  });
  const issuance = createIssuance({ ...deps, fetchers: settings.fetchers, refreshAheadMs: settings.refreshAheadMs });
  const { authorize } = createNodeAuthorizer({
    mode: settings.agentIdentity,
    audience: tokenAudience,
    agentServiceAccounts: settings.agentServiceAccounts,
    trustDomain: settings.trustDomain,
    reviewToken: deps.reviewToken,
    pods,
    clock,
  });
  const events = createPodEvents({ ...deps, post: deps.postPodEvent });
  const hub = createHub({ pods, namespaces, decide, issuance, clock, logger, metrics, events, heartbeatIntervalMs });
  const watchProof = createProofWatch({ pods, clock });
  const routes = createRoutes({
    ...{ pods, namespaces, decide, issuance, hub, authorize, watchProof, clock, logger, metrics, events },
  });
  const podCount = pods.changes.add(() => metrics.pods.set(pods.size));
  const changeLog = logChanges({ pods, namespaces, logger });

  return {
    pods,
    namespaces,
    decide: (pod) => decide(pod, namespaces.permitted(pod.namespace)),
    decideAgain: () => hub.decideAgain(),
    run: (signal) => runAll(signal, [issuance.run, events.run]),
    listen: (tls) =>
      listenRpc({
        bind: settings.bind,
        tls,
        routes,
        interceptors: [countCalls("server", deps.registry)],
        clock,
        random: deps.random,
        ...settings.connections,
        onRefusedHandshake: createRefusedHandshakes({ clock, logger, metrics: deps.tlsMetrics }),
        onBrokenHandler: (error) => logger.error("a call failed in an unforeseen way", { error: reasonOf(error) }),
      }),
    [Symbol.dispose]() {
      changeLog[Symbol.dispose]();
      podCount[Symbol.dispose]();
      hub[Symbol.dispose]();
    },
  };
}
