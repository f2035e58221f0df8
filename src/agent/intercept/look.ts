import type { PlacedRule } from "./hook.ts";
import type { Iptables } from "./iptables.ts";
import { parseRules, type Rule } from "./rule.ts";
import { hooksOf, isChainOf, isJumpOf, ownChain, type RedirectSpec, tableOf } from "./rules.ts";
import { findShadow } from "./shadow.ts";
import { otherBackendStakes, stakesOf } from "./stakes.ts";

export type RedirectState =
  /** Packets counted since it was put in place or repaired: one for each connection. */
  | { readonly kind: "in-force"; readonly packets: number }
  | { readonly kind: "missing" }
  /** @property by the rule that takes pods' packets before it */
  | { readonly kind: "shadowed"; readonly by: string };

/** What stands in one back end where the spec's rules should be. */
export interface Standing {
  /** All rules of the kernel's chains that should lead into the own one. */
  readonly placed: readonly PlacedRule[];
  /** Those of the own chain, with their counters; none where there is no such chain. */
  readonly chain: readonly Rule[];
}

/** Starts a process for each chain. Rejects with `InterceptError`. */
export async function readStanding(spec: RedirectSpec, iptables: Iptables, signal: AbortSignal): Promise<Standing> {
  const [placed, chain = []] = await Promise.all([
    iptables.placed(hooksOf(spec), signal),
    iptables.chain(tableOf(spec), ownChain, signal),
  ]);
  return { placed, chain };
}

/** Whether the spec's rules are in force in a back end. Rejects with `InterceptError`. */
export async function stateIn(spec: RedirectSpec, iptables: Iptables, signal: AbortSignal): Promise<RedirectState> {
  const { placed, chain } = await readStanding(spec, iptables, signal);
  const readChain = chainReader(spec, iptables, signal);
  if (!isChainOf(chain, spec)) {
    return { kind: "missing" };
  }
  for (const hook of hooksOf(spec)) {
    const rules = placed.filter((one) => one.hook === hook).map(({ rule }) => rule);
    const at = rules.findIndex((rule) => isJumpOf(rule, spec));
    if (at === -1) {
      return { kind: "missing" };
    }
    const search = { ...spec, base: hook.chain, stakes: stakesOf(spec.fate), readChain };
    const by = await findShadow(rules.slice(0, at), search);
    if (by !== undefined) {
      return { kind: "shadowed", by };
    }
  }
  return { kind: "in-force", packets: chain[0]?.packets ?? 0 };
}

/**
 * Finds the rule in a back end without the spec's own rules that takes pods' packets all the same. What is rejected in one
 * back end stays rejected, whatever the other does. @param placed that back end's, with those of PREROUTING
 */
export async function findTakerElsewhere(
  spec: RedirectSpec,
  iptables: Iptables,
  placed: readonly PlacedRule[],
  signal: AbortSignal,
): Promise<string | undefined> {
  if (spec.fate.kind === "reject") {
    return undefined;
  }
  const rules = placed.filter(({ hook }) => hook.chain === "PREROUTING").map(({ rule }) => rule);
  const readChain = chainReader(spec, iptables, signal);
  return findShadow(rules, { ...spec, base: "PREROUTING", stakes: otherBackendStakes, readChain });
}

/** In the nat table few of many chains are for such packets; in the filter table most are, one or two for each pod. */
function chainReader(spec: RedirectSpec, iptables: Iptables, signal: AbortSignal) {
  const table = tableOf(spec);
  let whole: Promise<string> | undefined;
  return async (name: string): Promise<readonly Rule[]> => {
    if (table === "nat") {
      return (await iptables.chain(table, name, signal)) ?? [];
    }
    whole ??= iptables.list(table, signal);
    return parseRules(name, await whole);
  };
}
