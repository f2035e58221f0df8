import type { Pod } from "../../domain/pod.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { PodStore } from "../workload/pods.ts";
import { waitForPods } from "../workload/wait-for-pods.ts";
import type { NodeProof, Refusal } from "./node-proof.ts";
import type { AgentToken, TokenReviews } from "./token-reviews.ts";

export type TokenProof = Extract<NodeProof, { readonly kind: "proven" }> | Refusal;

export interface ProveByTokenDeps {
  readonly reviews: TokenReviews;
  readonly pods: Pick<PodStore, "get" | "changes">;
  readonly clock: Clock;
}

/** An agent may call before the watch has brought its own pod. */
const longestPodWaitMs = 1_000;

/** A token proves the node of the live pod that it was made for. Rejects only with the signal's reason. */
export async function proveByToken(deps: ProveByTokenDeps, token: string, signal: AbortSignal): Promise<TokenProof> {
  const reviewed = await deps.reviews.review(token, signal);
  if (reviewed.kind === "refused") {
    return reviewed;
  }
  const { podUid } = reviewed;
  const look = (): Pod | undefined => {
    const pod = deps.pods.get(podUid);
    return pod === undefined || pod.nodeName === "" ? undefined : pod;
  };
  const concerns = { look, concerns: ({ after }: { readonly after?: Pod }) => after?.uid === podUid };
  const pod = await waitForPods(deps, concerns, longestPodWaitMs, signal);
  return pod === undefined ? podGone : judge(reviewed, pod);
}

function judge(token: AgentToken, { nodeName, namespace }: Pod): TokenProof {
  if (namespace !== token.namespace) {
    return denied(`the token's pod is in namespace ${namespace}, and its service account in ${token.namespace}`);
  }
  if (token.nodeName !== undefined && token.nodeName !== nodeName) {
    return denied(`the token was made for node ${token.nodeName}, and its pod is on ${nodeName}`);
  }
  const { podUid, validUntilMs } = token;
  return { kind: "proven", nodeName, by: "token", validUntilMs, podUid };
}

const podGone: Refusal = {
  kind: "refused",
  code: "unauthenticated",
  reason: "the token's pod is not live",
};

function denied(reason: string): Refusal {
  return { kind: "refused", code: "permission-denied", reason };
}
