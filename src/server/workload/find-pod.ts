import { type Owner, ownerOf } from "../../domain/address-owner.ts";
import type { IpAddress } from "../../domain/ip-address.ts";
import type { Pod } from "../../domain/pod.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { PodChange, PodStore } from "./pods.ts";
import { waitForPods } from "./wait-for-pods.ts";

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
  const owner = (): Owner<Pod> => ownerOf(deps.pods.claimants(address), nodeName);
  const look = (): Owner<Pod> | undefined => {
    const known = owner();
    const isNear = known.kind === "owner" && (nodeName === undefined || known.pod.nodeName === nodeName);
    return isNear ? known : undefined;
  };
  const concerns = ({ before, after }: PodChange): boolean =>
    after?.addresses.includes(address) === true || before?.addresses.includes(address) === true;

  return (await waitForPods(deps, { look, concerns }, waitMs, signal)) ?? owner();
}
