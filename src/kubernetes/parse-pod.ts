import { type IpAddress, parseIpAddress } from "../domain/ip-address.ts";
import type { Observed } from "../domain/observed.ts";
import type { Pod, PodUid, RoleRequest } from "../domain/pod.ts";
import { mayStillRun } from "./may-still-run.ts";
import { at, listAt, numberAt, textAt, timeAt } from "./raw-json.ts";
import type { ApiResource } from "./resource.ts";

export const podResource: ApiResource<Pod, PodUid> = {
  name: "pods",
  path: "/api/v1/pods",
  parse: parsePod,
  idOf: (pod) => pod.uid,
};

/**
 * Longer than any role ARN (2,048 characters), external id (1,224) or session name that STS takes, so that what is cut
 * here is refused as the whole would be: a pod's annotations may hold 256 KiB, and they are held for every pod.
 */
const longestKept = 2050;

/** A v1 Pod as the API server writes it; fields that are absent or odd read as absent, except those that name the pod. */
export function parsePod(raw: unknown): Observed<Pod, PodUid> {
  const uid = textAt(raw, "metadata", "uid") as PodUid;
  const name = textAt(raw, "metadata", "name");
  const namespace = textAt(raw, "metadata", "namespace");
  if (uid === "" || name === "" || namespace === "") {
    return { kind: "unreadable", problem: `a pod without ${uid === "" ? "uid" : "name or namespace"}` };
  }
  if (!mayStillRun(raw)) {
    return { kind: "gone", id: uid };
  }
  const request = requestOf(raw);
  const item: Pod = {
    uid,
    name,
    namespace,
    nodeName: textAt(raw, "spec", "nodeName"),
    hostIp: textAt(raw, "status", "hostIP"),
    addresses: at(raw, "spec", "hostNetwork") === true ? [] : addressesOf(raw),
    startedAtMs: timeAt(raw, "status", "startTime") ?? timeAt(raw, "metadata", "creationTimestamp") ?? 0,
    isMirror: isMirror(raw),
    phase: phaseOf(raw),
    generation: numberAt(raw, "metadata", "generation"),
    ...(request === undefined ? {} : { request }),
    resourceVersion: textAt(raw, "metadata", "resourceVersion"),
  };
  return { kind: "live", item };
}

/** https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase; one text for all pods of a phase. */
const phases: readonly string[] = ["Pending", "Running", "Succeeded", "Failed", "Unknown"];

function phaseOf(raw: unknown): string {
  const phase = at(raw, "status", "phase");
  return phases.find((each) => each === phase) ?? "";
}

function requestOf(raw: unknown): RoleRequest | undefined {
  const role = annotation(raw, "iam.amazonaws.com/role");
  if (role === "") {
    return undefined;
  }
  const sessionName = annotation(raw, "iam.amazonaws.com/session-name");
  const externalId = annotation(raw, "iam.amazonaws.com/external-id");
  return {
    source: "pod-annotation",
    role,
    ...(sessionName === "" ? {} : { sessionName }),
    ...(externalId === "" ? {} : { externalId }),
  };
}

function annotation(raw: unknown, name: string): string {
  const text = textAt(raw, "metadata", "annotations", name);
  // A copy by way of bytes: a slice would keep the whole text in memory.
  return text.length <= longestKept ? text : Buffer.from(text.slice(0, longestKept)).toString();
}

/** `status.podIPs`, or `status.podIP` alone where a server does not write the list. */
function addressesOf(raw: unknown): readonly IpAddress[] {
  const several = listAt(raw, "status", "podIPs").map((each) => textAt(each, "ip"));
  const texts = several.length > 0 ? several : [textAt(raw, "status", "podIP")];
  const addresses = texts.map(parseIpAddress).filter((address) => address !== undefined);
  return [...new Set(addresses)];
}

/** A kubelet may create only mirror pods, and only as owned by its own Node: what marks them can't be left out by it. */
function isMirror(raw: unknown): boolean {
  return (
    at(raw, "metadata", "annotations", "kubernetes.io/config.mirror") !== undefined ||
    listAt(raw, "metadata", "ownerReferences").some(
      (owner) => textAt(owner, "kind") === "Node" && textAt(owner, "apiVersion") === "v1",
    )
  );
}
