import type { Brand } from "./brand.ts";
import type { IpAddress } from "./ip-address.ts";

export type PodUid = Brand<string, "PodUid">;

/** What a pod asks for, as written by whoever wrote the pod, and where it was written. */
export interface RoleRequest {
  readonly source: "pod-annotation";
  /** A name, `path/name`, `/path/name` or a full ARN. */
  readonly role: string;
  readonly sessionName?: string;
  readonly externalId?: string;
}

/** A live pod: not Succeeded, not Failed, with a container that may still run, and not deleted. */
export interface Pod {
  readonly uid: PodUid;
  readonly name: string;
  readonly namespace: string;
  /** Empty until the pod is scheduled. */
  readonly nodeName: string;
  /** `status.hostIP`; empty until the kubelet reports it. */
  readonly hostIp: string;
  /** `status.podIPs`; empty for pods on the host's network, whose address is the node's. */
  readonly addresses: readonly IpAddress[];
  /** `status.startTime`, else the creation: milliseconds since the Unix epoch. */
  readonly startedAtMs: number;
  /** Made by the node itself from a file (a static pod's mirror, or owned by a Node): never gets a role. */
  readonly isMirror: boolean;
  readonly request?: RoleRequest;
  /** `status.phase` as the API server writes it; empty where it does not. For people: whether a pod is live is decided otherwise. */
  readonly phase: string;
  /** `metadata.generation`; 0 where the API server counts none. */
  readonly generation: number;
  /** Orders two observations of one pod. */
  readonly resourceVersion: string;
}

export interface Namespace {
  readonly name: string;
  /** The regular expression that role ARNs must match; empty permits nothing. */
  readonly permitted: string;
  readonly resourceVersion: string;
}
