import type { IssueFailure } from "../../domain/issue.ts";
import type { Pod, PodUid } from "../../domain/pod.ts";
import type { Logger } from "../../runtime/logger.ts";
import { createRecentMap } from "../../runtime/recent-map.ts";
import type { PodEvents } from "../events/pod-events.ts";
import { credentialErrorText } from "../events/text.ts";
import { podFields } from "../workload/pod-fields.ts";

/** Tells people of pods that asked for credentials and got none, though they may have them. */
export interface FailureLog {
  note(pod: Pod, failure: IssueFailure): void;
}

export interface FailureLogDeps {
  readonly logger: Pick<Logger, "error">;
  readonly events: Pick<PodEvents, "happened">;
}

/** Pods whose last failure is remembered, so that a pod in a loop does not fill the log. */
const mostRemembered = 4_096;

/** Puts every failure on the pod, and writes a line for each that is another than the pod's last. */
export function createFailureLog({ logger, events }: FailureLogDeps): FailureLog {
  const written = createRecentMap<PodUid, string>(mostRemembered);
  return {
    note(pod, failure) {
      events.happened(pod, credentialErrorText(failure));
      const text = `${failure.code}: ${failure.message}`;
      if (written.get(pod.uid) !== text) {
        written.set(pod.uid, text);
        logger.error(`error retrieving credentials: ${text}`, podFields(pod));
      }
    },
  };
}
