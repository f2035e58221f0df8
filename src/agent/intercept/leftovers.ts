import type { Family } from "./family.ts";
import type { Rule } from "./rule.ts";
import { isGoReleaseRule, isRedirectJump } from "./rules.ts";

/**
 * The rules of PREROUTING that a new redirect takes the place of: jumps of this agent or of one that crashed, whatever they were
 * for, and those of the Go release. They are wherever they are in the chain, and may be there more than once.
 */
export function findLeftovers(prerouting: readonly Rule[], family: Family): readonly Rule[] {
  return prerouting.filter((rule) => isRedirectJump(rule) || isGoReleaseRule(rule, family));
}
