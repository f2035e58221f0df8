import { type Owner, ownerOf } from "../../domain/address-owner.ts";
import type { IpAddress } from "../../domain/ip-address.ts";
import type { Pod } from "../../domain/pod.ts";
import { type Deadline, deadline, untilAborted } from "../../runtime/abort.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { PodChange, PodStore } from "./pods.ts";

export interface FindPodDependencies {
  readonly pods: Pick<PodStore, "claimants" | "changes">;
  readonly clock: Clock;
}

/**
 * Whose address it is. Where that is not known yet, or in doubt, or the only owner known is on another node than the one
 * named, waits for the store to learn better, `waitMs` at most; then what is known decides. Rejects only with the
 * signal's reason.
 */
export async function findPod(
  deps: FindPodDependencies,
  address: IpAddress,
  nodeName: string | undefined,
  waitMs: number,
  signal: AbortSignal,
): Promise<Owner<Pod>> {
  const look = (): Owner<Pod> => ownerOf(deps.pods.claimants(address), nodeName);
  const isFound = (owner: Owner<Pod>): boolean =>
    owner.kind === "owner" && (nodeName === undefined || owner.pod.nodeName === nodeName);
  const concerns = ({ before, after }: PodChange): boolean =>
    after?.addresses.includes(address) === true || before?.addresses.includes(address) === true;

  const known = look();
  if (isFound(known)) {
    return known;
  }
  const { promise: found, resolve } = Promise.withResolvers<void>();
  using _listener = deps.pods.changes.add((change) => {
    if (concerns(change) && isFound(look())) {
      resolve();
    }
  });
  using waiting = deadline(waitMs, deps.clock, signal);
  await unlessPassed(found, waiting);
  return look();
}

async function unlessPassed(promise: Promise<void>, waiting: Deadline): Promise<void> {
  try {
    await untilAborted(promise, waiting.signal);
  } catch (error) {
    if (!waiting.passed) {
      throw error;
    }
  }
}
