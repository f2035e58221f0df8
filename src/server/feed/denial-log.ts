import { type Denial, explain } from "../../domain/denial.ts";
import type { Pod, PodUid } from "../../domain/pod.ts";
import { digestOf } from "../../runtime/digest.ts";
import type { Logger } from "../../runtime/logger.ts";
import { createRecentMap } from "../../runtime/recent-map.ts";
import type { PodEvents } from "../events/pod-events.ts";
import { forbiddenText } from "../events/text.ts";
import type { ServerMetrics } from "../metrics.ts";
import { podFields } from "../workload/pod-fields.ts";

/** Tells people why pods get no role. */
export interface DenialLog {
  /** @param requested the role that the pod asked for, where it asked */
  note(pod: Pod, denial: Denial, requested?: string): void;
}

export interface DenialLogDeps {
  readonly logger: Logger;
  readonly metrics: Pick<ServerMetrics, "denials">;
  readonly events: Pick<PodEvents, "happened" | "stands">;
}

/** Pods whose last denial is remembered: all that are, in a large cluster, because each is looked at again every minute. */
const mostRemembered = 65_536;

/**
 * Puts denials on the pod. Counts those of requests, and of a pod that is looked at again and again (`--sync`) each that is another
 * than its last; of these writes a line.
 */
export function createDenialLog({ logger, metrics, events }: DenialLogDeps): DenialLog {
  const written = createRecentMap<PodUid, string>(mostRemembered);
  return {
    note(pod, denial, requested) {
      const subject = subjectOf(denial);
      const isKnown = written.get(pod.uid) === subject;
      if (requested === undefined) {
        events.stands(pod, forbiddenText(pod.request?.role ?? "", denial));
      } else {
        events.happened(pod, forbiddenText(requested, denial));
      }
      if (requested !== undefined || !isKnown) {
        metrics.denials.inc({ kind: denial.kind });
      }
      if (isKnown) {
        return;
      }
      written.set(pod.uid, subject);
      logger.error("pod denied by policy", {
        ...podFields(pod),
        ...(requested === undefined ? {} : { "pod.iam.requestedRole": requested }),
        ...("role" in denial ? { "pod.iam.roleArn": denial.role } : {}),
        "policy.explanation": explain(denial),
      });
    },
  };
}

/**
 * What makes a denial another one: not what the pod asks for, which is another each time where it likes. A digest, because pods come and
 * go, and their annotations may be long.
 */
function subjectOf(denial: Denial): string {
  return digestOf(denial.kind === "role-mismatch" ? `${denial.kind} ${denial.annotated}` : explain(denial));
}
