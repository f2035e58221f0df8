import { type Denial, explain } from "../../domain/denial.ts";
import type { Pod, PodUid } from "../../domain/pod.ts";
import type { Logger } from "../../runtime/logger.ts";
import { createRecentMap } from "../../runtime/recent-map.ts";
import type { ServerMetrics } from "../metrics.ts";
import { podFields } from "./pod-fields.ts";

/** Tells people why pods get no role. */
export interface DenialLog {
  /** @param requested the role that the pod asked for, where it asked */
  note(pod: Pod, denial: Denial, requested?: string): void;
}

export interface DenialLogDeps {
  readonly logger: Logger;
  readonly metrics: Pick<ServerMetrics, "denials">;
}

/** Pods whose last denial is remembered, so that a pod in a loop does not fill the log. */
const mostRemembered = 4_096;

/** Counts every denial, and writes a line for each that is another than the pod's last. */
export function createDenialLog({ logger, metrics }: DenialLogDeps): DenialLog {
  const written = createRecentMap<PodUid, string>(mostRemembered);
  return {
    note(pod, denial, requested) {
      metrics.denials.inc({ kind: denial.kind });
      const subject = subjectOf(denial);
      if (written.get(pod.uid) === subject) {
        return;
      }
      written.set(pod.uid, subject);
      logger.warn("pod denied by policy", {
        ...podFields(pod),
        ...(requested === undefined ? {} : { "pod.iam.requestedRole": requested }),
        ...("role" in denial ? { "pod.iam.roleArn": denial.role } : {}),
        "policy.explanation": explain(denial),
      });
    },
  };
}

/** What makes a denial another one: not what the pod asks for, which is another each time where it likes. */
function subjectOf(denial: Denial): string {
  return denial.kind === "role-mismatch" ? `${denial.kind} ${denial.annotated}` : explain(denial);
}
