import type { Family } from "./family.ts";
import type { PlacedRule } from "./hook.ts";
import { isGoReleaseRule, isRedirectJump } from "./rules.ts";

/**
 * Those of a back end's rules that new ones take the place of: jumps of this agent or of one that crashed, whatever they were
 * for, and those of the Go release. They are wherever they are in their chain, and may be there more than once.
 */
export function findLeftovers(placed: readonly PlacedRule[], family: Family): readonly PlacedRule[] {
  return placed.filter(({ rule }) => isRedirectJump(rule) || isGoReleaseRule(rule, family));
}
