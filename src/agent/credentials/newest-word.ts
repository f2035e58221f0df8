import type { NodeDecision, NodePod } from "../../domain/node-pod.ts";
import { newerVersion, versionOrder } from "../../domain/object-version.ts";
import type { RoleArn } from "../../domain/role-arn.ts";

/**
 * What to believe of a pod: what comes, unless what is held is of newer versions; then `held` itself. Where each has something
 * newer, as when a server's watch of namespaces lags behind that of pods, what the newer pod asks for and what the newer
 * namespace permits are put together; where that does not say whether it may have its role, it may not.
 */
export function newestWord(come: NodePod, held: NodePod): NodePod {
  const podOrder = versionOrder(come.versions.pod, held.versions.pod);
  if (podOrder === undefined) {
    return come;
  }
  const namespaceOrder = versionOrder(come.versions.namespace, held.versions.namespace) ?? 0;
  if (podOrder >= 0 && namespaceOrder >= 0) {
    return come;
  }
  if (podOrder <= 0 && namespaceOrder <= 0) {
    return held;
  }
  return podOrder > 0 ? combined(come, held) : combined(held, come);
}

/** The pod, of which policy is not known to allow what it asks for. */
export function unsure(pod: NodePod, role: RoleArn): NodePod {
  const explanation = `what namespace '${pod.namespace}' permits has changed, and the kiam server that told of the pod has yet to hear of it`;
  return { ...pod, decision: { kind: "denied", explanation, role } };
}

function combined(newerPod: NodePod, newerNamespace: NodePod): NodePod {
  const { decision: asked, versions } = newerPod;
  const { decision: permitted } = newerNamespace;
  if (asked.kind !== "allowed") {
    return newerPod;
  }
  if (roleOf(permitted) !== asked.role) {
    return unsure(newerPod, asked.role);
  }
  const namespace = newerVersion(versions.namespace, newerNamespace.versions.namespace);
  return {
    ...newerPod,
    decision: permitted.kind === "allowed" ? asked : permitted,
    versions: { pod: versions.pod, namespace },
  };
}

function roleOf(decision: NodeDecision): RoleArn | undefined {
  return decision.kind === "no-role" ? undefined : decision.role;
}
