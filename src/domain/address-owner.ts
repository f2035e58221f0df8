import type { PodUid } from "./pod.ts";

interface Claimant {
  readonly uid: PodUid;
  readonly startedAtMs: number;
  readonly nodeName?: string;
}

export type Owner<Pod> =
  | { readonly kind: "owner"; readonly pod: Pod }
  | { readonly kind: "nobody" }
  | { readonly kind: "doubt" };

/**
 * Which of the live pods that claim an address has it: the one on the asking agent's node, then the newest started; where
 * two started at the same moment, nobody can say.
 */
export function ownerOf<Pod extends Claimant>(claimants: readonly Pod[], nodeName?: string): Owner<Pod> {
  const near = nodeName === undefined ? [] : claimants.filter((pod) => pod.nodeName === nodeName);
  const [newest, second] = (near.length > 0 ? near : [...claimants]).sort((a, b) => b.startedAtMs - a.startedAtMs);
  if (newest === undefined) {
    return { kind: "nobody" };
  }
  return second?.startedAtMs === newest.startedAtMs ? { kind: "doubt" } : { kind: "owner", pod: newest };
}
