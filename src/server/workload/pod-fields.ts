import type { Pod } from "../../domain/pod.ts";
import type { LogFields } from "../../runtime/logger.ts";

/** A pod in the log, by the Go release's names. Its external id is a secret. */
export function podFields(pod: Pod): LogFields {
  return {
    "pod.name": pod.name,
    "pod.namespace": pod.namespace,
    "pod.status.ip": pod.addresses[0],
    "pod.status.phase": pod.phase,
    "pod.iam.role": pod.request?.role,
    "resource.version": pod.resourceVersion,
    "generation.metadata": pod.generation,
  };
}
