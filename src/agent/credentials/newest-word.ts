import type { NodeDecision, NodePod } from "../../domain/node-pod.ts";
import { newerVersion, versionOrder } from "../../domain/object-version.ts";
import type { RoleArn } from "../../domain/role-arn.ts";

/** What to believe of a pod. */
export interface Word {
  readonly pod: NodePod;
  /** Whether its decision may be believed, too. */
  readonly isSure: boolean;
}

/**
 * What to believe of a pod: what comes, unless what is held is of newer versions; then `held` itself. Where each has something
 * newer, as when a server's watch of namespaces lags behind that of pods, what the newer pod asks for and what the newer
 * namespace permits are put together; where that does not say whether it may have its role, nothing is sure.
 */
export function newestWord(come: NodePod, held: NodePod): Word {
  const podOrder = versionOrder(come.versions.pod, held.versions.pod);
  if (podOrder === undefined) {
    return { pod: come, isSure: true };
  }
  const namespaceOrder = versionOrder(come.versions.namespace, held.versions.namespace) ?? 0;
  if (podOrder >= 0 && namespaceOrder >= 0) {
    return { pod: come, isSure: true };
  }
  if (podOrder <= 0 && namespaceOrder <= 0) {
    return { pod: held, isSure: true };
  }
  return podOrder > 0 ? combined(come, held) : combined(held, come);
}

/** The pod, which may not have what it asks for as long as policy is not known to allow it. */
export function unsure(pod: NodePod): NodePod {
  const role = roleOf(pod.decision);
  const explanation = `what namespace '${pod.namespace}' permits has changed, and the kiam server that told of the pod has yet to hear of it`;
  return { ...pod, decision: { kind: "denied", explanation, ...(role === undefined ? {} : { role }) } };
}

function combined(newerPod: NodePod, newerNamespace: NodePod): Word {
  const { decision: asked, versions } = newerPod;
  const { decision: permitted } = newerNamespace;
  const namespace = newerVersion(versions.namespace, newerNamespace.versions.namespace);
  const bothVersions = { pod: versions.pod, namespace };
  if (asked.kind === "denied" && permitted.kind === "allowed" && permitted.identity === asked.wanted) {
    return { pod: { ...newerPod, decision: permitted, versions: bothVersions }, isSure: true };
  }
  if (asked.kind !== "allowed") {
    return { pod: newerPod, isSure: true };
  }
  if (roleOf(permitted) !== asked.role) {
    return { pod: newerPod, isSure: false };
  }
  const decision = permitted.kind === "allowed" ? asked : permitted;
  return { pod: { ...newerPod, decision, versions: bothVersions }, isSure: true };
}

function roleOf(decision: NodeDecision): RoleArn | undefined {
  return decision.kind === "no-role" ? undefined : decision.role;
}
