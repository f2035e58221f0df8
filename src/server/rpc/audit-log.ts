import type { Credentials } from "../../domain/credentials.ts";
import type { Pod, PodUid } from "../../domain/pod.ts";
import { rfc3339 } from "../../domain/rfc3339.ts";
import type { Logger } from "../../runtime/logger.ts";
import { createRecentMap } from "../../runtime/recent-map.ts";
import { podFields } from "../workload/pod-fields.ts";

/** Writes down who was handed what. Agents with a store of their own write it themselves, when a pod takes what was pushed. */
export interface AuditLog {
  /** Writes a line for credentials that the pod has not been handed before. */
  handed(pod: Pod, credentials: Credentials): void;
}

/** Pods whose last credentials are remembered; one that was forgotten gets a second line. */
const mostRemembered = 16_384;

export function createAuditLog(logger: Logger): AuditLog {
  const handed = createRecentMap<PodUid, string>(mostRemembered);
  return {
    handed(pod, credentials) {
      if (handed.get(pod.uid) === credentials.accessKeyId) {
        return;
      }
      handed.set(pod.uid, credentials.accessKeyId);
      logger.info("handed credentials to pod", {
        ...podFields(pod),
        "credentials.access.key": credentials.accessKeyId,
        "credentials.expiration": rfc3339(credentials.expiresAtMs),
      });
    },
  };
}
