import type { ConnectRouter } from "@connectrpc/connect";
import { KiamService } from "../../rpc/gen/kiam/kiam_pb.ts";
import { NodeService } from "../../rpc/gen/kiam/v1/node_pb.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Logger } from "../../runtime/logger.ts";
import type { PodEvents } from "../events/pod-events.ts";
import { createDenialLog } from "../feed/denial-log.ts";
import type { Hub } from "../feed/hub.ts";
import type { Authorize } from "../identity/authorize.ts";
import type { ProofWatch } from "../identity/watch-proof.ts";
import type { Issuance } from "../issuance/issuance.ts";
import type { ServerMetrics } from "../metrics.ts";
import type { Decide } from "../policy/policy.ts";
import type { NamespaceStore } from "../workload/namespaces.ts";
import type { PodStore } from "../workload/pods.ts";
import { createAuditLog } from "./audit-log.ts";
import { createCallers } from "./callers.ts";
import { createFailureLog } from "./failure-log.ts";
import { createKiamService } from "./kiam-service.ts";
import { createNodeService } from "./node-service.ts";
import { createPodLookup } from "./pod-lookup.ts";

export interface RoutesDeps {
  readonly pods: Pick<PodStore, "get" | "claimants" | "changes">;
  readonly namespaces: Pick<NamespaceStore, "permitted" | "versionOf">;
  readonly decide: Decide;
  readonly issuance: Pick<Issuance, "get" | "noteAnswered">;
  readonly hub: Pick<Hub, "watch">;
  readonly authorize: Authorize;
  readonly watchProof: ProofWatch;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<ServerMetrics, "agentCalls" | "denials">;
  readonly events: Pick<PodEvents, "happened" | "stands">;
}

/** Both services over the same callers and the same answers. */
export function createRoutes(deps: RoutesDeps): (router: ConnectRouter) => void {
  const callers = createCallers(deps);
  const lookup = createPodLookup({ ...deps, failures: createFailureLog(deps) });
  const denials = createDenialLog(deps);
  const nodeService = createNodeService({ ...deps, callers, lookup, denials });
  const kiamService = createKiamService({ ...deps, callers, lookup, denials, audit: createAuditLog(deps.logger) });
  return (router) => {
    router.service(NodeService, nodeService);
    router.service(KiamService, kiamService);
  };
}
