import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { parseIpAddress } from "../../domain/ip-address.ts";
import type { NodeUpdate, PodAnswer } from "../../domain/node-pod.ts";
import { identityKey } from "../../domain/role-identity.ts";
import { toLookupPodResponse, toWatchNodeResponse } from "../../rpc/convert.ts";
import { createCredentialsEncoder } from "../../rpc/credentials-bytes.ts";
import { framesKey } from "../../rpc/frames.ts";
import type { NodeService, WatchNodeRequest } from "../../rpc/gen/kiam/v1/node_pb.ts";
import { createUpdateEncoder } from "../../rpc/update-bytes.ts";
import type { DenialLog } from "../feed/denial-log.ts";
import type { Hub } from "../feed/hub.ts";
import type { NodeClaim } from "../identity/authorize.ts";
import type { ProofWatch } from "../identity/watch-proof.ts";
import { toNodePod } from "../policy/node-pod.ts";
import type { Callers } from "./callers.ts";
import { doubtError, malformedError, nobodyError, proofEndedError, unknownNodeError } from "./failure-codes.ts";
import type { FoundPod, PodLookup } from "./pod-lookup.ts";

export interface NodeServiceDeps {
  readonly callers: Callers;
  readonly hub: Pick<Hub, "watch">;
  readonly lookup: PodLookup;
  readonly denials: DenialLog;
  readonly watchProof: ProofWatch;
}

/** Everything of one node for its agent, as it happens, and what the agent's store does not know yet. */
export function createNodeService(deps: NodeServiceDeps): ServiceImpl<typeof NodeService> {
  const encode = createCredentialsEncoder();
  const encodeUpdate = createUpdateEncoder(encode);

  async function* watchNode(request: WatchNodeRequest, context: HandlerContext) {
    const claim = claimOf(request);
    const { nodeName, proof } = await deps.callers.identify(claim, context);
    if (nodeName === undefined) {
      throw unknownNodeError(claim.hostIp);
    }
    using holding = deps.watchProof(proof);
    const over = AbortSignal.any([context.signal, holding.signal]);
    const frames = context.values.get(framesKey);
    // A function of its own, so that what was encoded is garbage while the next update is waited for.
    const write = (update: NodeUpdate) => frames?.write(encodeUpdate(update), over);
    for await (const update of deps.hub.watch(nodeName, over)) {
      if (frames === undefined) {
        yield toWatchNodeResponse(update, encode);
      } else {
        await write(update);
      }
    }
    if (!context.signal.aborted) {
      const ended = proofEndedError(holding.signal.reason);
      deps.callers.turnedAway(ended.rawMessage, context);
      throw ended;
    }
  }

  function noteDenial({ pod, decision }: FoundPod): void {
    if (decision.kind === "denied") {
      deps.denials.note(pod, decision.denial, pod.request?.role);
    }
  }

  return {
    watchNode,
    async lookupPod(request, context) {
      const address = parseIpAddress(request.address);
      if (address === undefined) {
        throw malformedError("address");
      }
      const { nodeName } = await deps.callers.identify(claimOf(request), context);
      const found = request.withCredentials
        ? await deps.lookup.findWithCredentials(address, nodeName, () => true, context.signal)
        : await deps.lookup.find(address, nodeName, context.signal);
      switch (found.kind) {
        case "nobody":
          throw nobodyError();
        case "doubt":
          throw doubtError();
        case "pod":
          noteDenial(found);
          return toLookupPodResponse(answerOf(found), encode);
        default:
          return found satisfies never;
      }
    },
  };
}

function claimOf({ claim }: Pick<WatchNodeRequest, "claim">): NodeClaim {
  return { nodeName: claim?.nodeName ?? "", hostIp: claim?.hostIp ?? "" };
}

function answerOf({ pod, decision, namespaceVersion, result }: FoundPod): PodAnswer {
  const nodePod = toNodePod(pod, decision, namespaceVersion);
  return decision.kind === "allowed" && result !== undefined
    ? { pod: nodePod, identity: { identity: identityKey(decision.identity), result } }
    : { pod: nodePod };
}
