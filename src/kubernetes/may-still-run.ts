import { at, listAt, textAt } from "./raw-json.ts";

/**
 * Whether anything of a pod may still be running, or be started again, so that the pod still owns its addresses. A kubelet
 * stops a pod's containers, and its network gives the address to the next pod, before the pod leaves the API: what says so
 * is a final phase, or that every container has ended for good. Where the status says nothing of a container (the
 * kubelet's report is always late), it may run.
 * @param pod a v1 Pod as the API server writes it
 */
export function mayStillRun(pod: unknown): boolean {
  const phase = textAt(pod, "status", "phase");
  if (phase === "Succeeded" || phase === "Failed") {
    return false;
  }
  const containers = listAt(pod, "spec", "containers");
  return containers.length === 0 || isAnyRunning(pod) || containers.some((container) => !hasEnded(container, pod));
}

/** Sidecars and debugging containers outlive the others: no end of theirs is waited for, but a running one counts. */
function isAnyRunning(pod: unknown): boolean {
  return ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"].some((kind) =>
    listAt(pod, "status", kind).some((status) => at(status, "state", "running") != null),
  );
}

/** Whether the container has ended and no policy starts it again. */
function hasEnded(container: unknown, pod: unknown): boolean {
  const name = textAt(container, "name");
  const status = listAt(pod, "status", "containerStatuses").find((each) => textAt(each, "name") === name);
  const terminated = at(status, "state", "terminated");
  if (terminated == null) {
    return false;
  }
  const isBeingDeleted = at(pod, "metadata", "deletionTimestamp") != null;
  return isBeingDeleted || !isRestarted(container, pod, at(terminated, "exitCode"));
}

/** https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#restart-policy */
function isRestarted(container: unknown, pod: unknown, exitCode: unknown): boolean {
  if (listAt(container, "restartPolicyRules").length > 0) {
    return true;
  }
  switch (textAt(container, "restartPolicy") || textAt(pod, "spec", "restartPolicy")) {
    case "Never":
      return false;
    case "OnFailure":
      return exitCode !== 0;
    default:
      return true;
  }
}
