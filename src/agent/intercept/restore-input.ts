import type { PlacedRule, Table } from "./hook.ts";
import { hooksOf, isRedirectJump, jumpConditions, ownChain, type RedirectSpec, tableOf, targetOf } from "./rules.ts";

/**
 * Input for iptables-restore with `--noflush`: makes the own chain, or empties it, and jumps to it first. All in one commit, together
 * with the removal of what it takes the place of in its table; what it takes the place of in the other goes in the next.
 * @param replaced each as often as it stands there
 */
export function installInput(spec: RedirectSpec, replaced: readonly PlacedRule[]): string {
  const table = tableOf(spec);
  const words = jumpConditions(spec).join(" ");
  const jumps = hooksOf(spec).map(({ chain }) => `-I ${chain} 1 ${words} -j ${ownChain}`);
  const content = `-A ${ownChain} -p tcp -j ${targetOf(spec.fate)}`;
  const here = replaced.filter(({ hook }) => hook.table === table);
  const there = replaced.filter(({ hook }) => hook.table !== table);
  return commit(table, [declaration, content, ...deletions(here), ...jumps]) + removeInput(there);
}

/** Input for iptables-restore with `--noflush`: removes the rules, and the own chain of a table once nothing jumps to it. */
export function removeInput(rules: readonly PlacedRule[]): string {
  const tables = [...new Set(rules.map(({ hook }) => hook.table))];
  return tables
    .map((table) => {
      const here = rules.filter(({ hook }) => hook.table === table);
      const ownToo = here.some(({ rule }) => isRedirectJump(rule));
      return commit(table, [
        ...(ownToo ? [declaration] : []),
        ...deletions(here),
        ...(ownToo ? [`-X ${ownChain}`] : []),
      ]);
    })
    .join("");
}

/** Makes the chain, or empties it. */
const declaration = `:${ownChain} - [0:0]`;

function commit(table: Table, lines: readonly string[]): string {
  return [`*${table}`, ...lines, "COMMIT", ""].join("\n");
}

function deletions(rules: readonly PlacedRule[]): readonly string[] {
  return rules.map(({ hook, rule }) => `-D ${hook.chain} ${rule.text}`);
}
