import type { Credentials } from "../../domain/credentials.ts";
import type { NodePod } from "../../domain/node-pod.ts";
import type { PodUid } from "../../domain/pod.ts";
import { rfc3339 } from "../../domain/rfc3339.ts";
import type { Logger } from "../../runtime/logger.ts";

/** Writes one line for each credential first handed to a pod. */
export type Audit = (pod: NodePod, credentials: Credentials) => void;

export function createAudit(log: Pick<Logger, "info">): Audit {
  const handed = new WeakMap<Credentials, Set<PodUid>>();

  return (pod, credentials) => {
    const holders = handed.get(credentials);
    if (holders?.has(pod.uid)) {
      return;
    }
    handed.set(credentials, (holders ?? new Set()).add(pod.uid));
    log.info("credentials handed to pod", {
      "pod.name": pod.name,
      "pod.namespace": pod.namespace,
      "pod.iam.role": pod.annotatedRole,
      ...(pod.decision.kind === "allowed" ? { "pod.iam.roleArn": pod.decision.role } : {}),
      "credentials.access.key": credentials.accessKeyId,
      "credentials.expiration": rfc3339(credentials.expiresAtMs),
    });
  };
}
