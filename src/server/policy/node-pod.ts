import type { Decision } from "../../domain/decision.ts";
import { explain } from "../../domain/denial.ts";
import type { NodeDecision, NodePod } from "../../domain/node-pod.ts";
import { type ObjectVersion, objectVersion } from "../../domain/object-version.ts";
import type { Pod } from "../../domain/pod.ts";
import { identityKey } from "../../domain/role-identity.ts";

/**
 * A pod and what policy says of it, as its node's agent is to know them.
 * @param namespaceVersion of the namespace that policy was asked with
 */
export function toNodePod(pod: Pod, decision: Decision, namespaceVersion: ObjectVersion): NodePod {
  return {
    uid: pod.uid,
    name: pod.name,
    namespace: pod.namespace,
    addresses: pod.addresses,
    annotatedRole: pod.request?.role ?? "",
    startedAtMs: pod.startedAtMs,
    decision: toNodeDecision(decision),
    versions: { pod: objectVersion(pod.resourceVersion), namespace: namespaceVersion },
  };
}

function toNodeDecision(decision: Decision): NodeDecision {
  switch (decision.kind) {
    case "no-role":
      return decision;
    case "allowed": {
      const { identity, nameBelowBase } = decision;
      return {
        kind: "allowed",
        identity: identityKey(identity),
        role: identity.role,
        ...(nameBelowBase === undefined ? {} : { nameBelowBase }),
      };
    }
    case "denied": {
      const { denial, role, wanted } = decision;
      return {
        ...{ kind: "denied", explanation: explain(denial) },
        ...(role === undefined ? {} : { role }),
        ...(wanted === undefined ? {} : { wanted: identityKey(wanted) }),
      };
    }
    default:
      return decision satisfies never;
  }
}
