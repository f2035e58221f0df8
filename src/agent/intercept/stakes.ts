import type { Fate } from "./rules.ts";

/** Which rules before the own ones matter: what they do with a pod's packet that is theirs. */
export interface Stakes {
  /** Targets by which it escapes. */
  readonly taking: readonly string[];
  /** Targets by which it goes no further in its table, and yet does not escape. */
  readonly ending: readonly string[];
  /** Whether it escapes where it comes to the policy of the kernel's chain, which accepts or may do so. */
  readonly policy: "takes" | "ends";
}

const redirectStakes: Stakes = {
  taking: [
    ...["ACCEPT", "DROP", "REJECT", "QUEUE", "NFQUEUE"],
    ...["DNAT", "REDIRECT", "NETMAP", "MASQUERADE", "SNAT", "TPROXY"],
  ],
  ending: [],
  policy: "takes",
};

/** What is dropped before it could be rejected reaches nobody either. */
const rejectStakes: Stakes = { taking: ["ACCEPT", "QUEUE", "NFQUEUE"], ending: ["DROP", "REJECT"], policy: "takes" };

/** Before the own rules in their own back end. */
export function stakesOf({ kind }: Fate): Stakes {
  return kind === "redirect" ? redirectStakes : rejectStakes;
}

/**
 * In the nat table of the other back end: the kernel asks one after the other, until one has changed the destination. What
 * one accepts comes to the other all the same. https://github.com/torvalds/linux/blob/v6.18/net/netfilter/nf_nat_core.c nf_nat_inet_fn
 */
export const otherBackendStakes: Stakes = {
  taking: ["DNAT", "REDIRECT", "NETMAP"],
  ending: ["ACCEPT", "DROP", "REJECT", "QUEUE", "NFQUEUE"],
  policy: "ends",
};
