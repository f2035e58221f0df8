import type { Rule } from "./rule.ts";

/** The tables that rules of this agent stand in. */
export type Table = "nat" | "filter";

/** A chain of the kernel's own that pods' packets to the metadata service pass. */
export interface Hook {
  readonly table: Table;
  readonly chain: "PREROUTING" | "FORWARD" | "INPUT";
}

/** A rule and the chain that it stands in. */
export interface PlacedRule {
  readonly hook: Hook;
  readonly rule: Rule;
}

/** Where the redirect begins. */
export const redirectHooks: readonly Hook[] = [{ table: "nat", chain: "PREROUTING" }];

/** Where a rejection begins: whether the address is beyond the node, as usual, or the node's own, as with a proxy for it. */
export const rejectHooks: readonly Hook[] = [
  { table: "filter", chain: "FORWARD" },
  { table: "filter", chain: "INPUT" },
];

/** `PREROUTING -j ACCEPT`, as logs name a rule. */
export function describe({ hook, rule }: PlacedRule): string {
  return `${hook.chain} ${rule.text}`;
}
