import type { Credentials } from "../../domain/credentials.ts";
import type { NodePod } from "../../domain/node-pod.ts";
import type { PodUid } from "../../domain/pod.ts";
import { rfc3339 } from "../../domain/rfc3339.ts";
import type { LogFields, Logger } from "../../runtime/logger.ts";
import { createRecentMap } from "../../runtime/recent-map.ts";
import type { AddressRequest } from "../credentials/go-servers.ts";

/** Writes one line for each credential first handed to a pod. */
export interface Audit {
  toPod(pod: NodePod, credentials: Credentials): void;
  /** For a pod of which no more is known than its address. */
  toAddress(request: AddressRequest, credentials: Credentials): void;
}

/** Of what went to addresses only the keys' ids are remembered; a node has a few hundred pods. */
const mostAtAddresses = 4_096;

export function createAudit(log: Pick<Logger, "info">): Audit {
  const handed = new WeakMap<Credentials, Set<PodUid>>();
  const handedToAddresses = createRecentMap<string, true>(mostAtAddresses);

  function write(holder: LogFields, { accessKeyId, expiresAtMs }: Credentials): void {
    log.info("credentials handed to pod", {
      ...holder,
      "credentials.access.key": accessKeyId,
      "credentials.expiration": rfc3339(expiresAtMs),
    });
  }

  return {
    toPod(pod, credentials) {
      const holders = handed.get(credentials);
      if (holders?.has(pod.uid)) {
        return;
      }
      handed.set(credentials, (holders ?? new Set()).add(pod.uid));
      const holder = {
        "pod.name": pod.name,
        "pod.namespace": pod.namespace,
        "pod.iam.role": pod.annotatedRole,
        ...(pod.decision.kind === "allowed" ? { "pod.iam.roleArn": pod.decision.role } : {}),
      };
      write(holder, credentials);
    },
    toAddress({ address, role }, credentials) {
      const key = `${address} ${credentials.accessKeyId}`;
      if (handedToAddresses.get(key) === undefined) {
        handedToAddresses.set(key, true);
        write({ "pod.ip": address, "pod.iam.requestedRole": role }, credentials);
      }
    },
  };
}
