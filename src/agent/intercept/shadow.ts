import type { Family } from "./family.ts";
import type { InterfacePattern } from "./interface.ts";
import type { Rule } from "./rule.ts";
import type { Stakes } from "./stakes.ts";
import { type Share, shareTaken } from "./verdict.ts";

export interface ShadowSearch {
  readonly family: Family;
  readonly pods: InterfacePattern;
  /** The kernel's chain that the rules are of. */
  readonly base: string;
  readonly stakes: Stakes;
  /** The rules of a chain of the same table; none where there is no such chain. */
  readonly readChain: (name: string) => Promise<readonly Rule[]>;
}

/** These let packets go on, as everything does that is no chain; but to ask whether there is such a chain starts a process. */
const passingTargets: readonly string[] = ["LOG", "NFLOG", "MARK", "CONNMARK", "CONNSECMARK", "SET"];

/** What becomes of pods' packets in a chain: they come back from it, are asked about no more, or are taken. */
type Outcome = "returns" | "ends" | { readonly takenBy: string };

/** What one rule means for them in its chain. */
type Step = "goes-on" | Outcome;

/**
 * Finds the first of the base chain's rules that would take a pod's packet to the metadata service, or some of the pods'.
 * Answers with that rule's text, its chain before it, or `undefined` where none is taken by any of them.
 */
export async function findShadow(rules: readonly Rule[], search: ShadowSearch): Promise<string | undefined> {
  const { family, pods, base, stakes } = search;
  const known = new Map<string, Promise<Outcome>>();

  function inChain(chain: string): Promise<Outcome> {
    const answer = known.get(chain) ?? search.readChain(chain).then((inner) => inRules(chain, inner));
    known.set(chain, answer);
    return answer;
  }

  async function inRules(chain: string, chainRules: readonly Rule[]): Promise<Outcome> {
    for (const rule of chainRules) {
      const step = await stepOf(chain, rule);
      if (step !== "goes-on") {
        return step;
      }
    }
    return "returns";
  }

  async function stepOf(chain: string, rule: Rule): Promise<Step> {
    const share = shareTaken(rule, family, pods);
    const effect = share === "none" ? "passes" : effectOf(rule, stakes);
    switch (effect) {
      case "passes":
        return "goes-on";
      case "takes":
        return { takenBy: inWords(chain, rule) };
      case "ends":
        return share === "all" ? "ends" : "goes-on";
      case "returns":
        return leave(chain, rule, share);
      case "calls":
      case "goes":
        return afterChain(chain, rule, share);
      default:
        return effect satisfies never;
    }
  }

  async function afterChain(chain: string, rule: Rule, share: Share): Promise<Step> {
    const outcome = await inChain(rule.target?.name ?? "");
    if (outcome === "returns") {
      return rule.target?.how === "goto" ? leave(chain, rule, share) : "goes-on";
    }
    return outcome === "ends" && share !== "all" ? "goes-on" : outcome;
  }

  /** Leaving the base chain means its policy: nothing behind is asked. */
  function leave(chain: string, rule: Rule, share: Share): Step {
    if (chain === base && stakes.policy === "takes") {
      return { takenBy: inWords(chain, rule) };
    }
    if (share !== "all") {
      return "goes-on";
    }
    return chain === base ? "ends" : "returns";
  }

  const outcome = await inRules(base, rules);
  return typeof outcome === "string" ? undefined : outcome.takenBy;
}

function inWords(chain: string, rule: Rule): string {
  return `${chain} ${rule.text}`;
}

/** What a rule does with the packets that it is for. */
function effectOf({ target }: Rule, stakes: Stakes): "takes" | "ends" | "returns" | "calls" | "goes" | "passes" {
  if (target === undefined || passingTargets.includes(target.name)) {
    return "passes";
  }
  if (stakes.taking.includes(target.name)) {
    return "takes";
  }
  if (stakes.ending.includes(target.name)) {
    return "ends";
  }
  if (target.name === "RETURN") {
    return "returns";
  }
  return target.how === "goto" ? "goes" : "calls";
}
