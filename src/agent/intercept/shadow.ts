import type { Family } from "./family.ts";
import type { InterfacePattern } from "./interface.ts";
import type { Rule } from "./rule.ts";
import { type Share, shareTaken } from "./verdict.ts";

export interface ShadowSearch {
  readonly family: Family;
  readonly pods: InterfacePattern;
  /** The rules of a chain of the nat table; none where there is no such chain. */
  readonly readChain: (name: string) => Promise<readonly Rule[]>;
}

/** In the nat table these decide what becomes of a connection. */
const decidingTargets: readonly string[] = [
  "ACCEPT",
  "DROP",
  "REJECT",
  "QUEUE",
  "NFQUEUE",
  "DNAT",
  "REDIRECT",
  "NETMAP",
  "MASQUERADE",
  "SNAT",
  "TPROXY",
];

/** These let packets go on, as everything does that is no chain; but to ask whether there is such a chain starts a process. */
const passingTargets: readonly string[] = ["LOG", "NFLOG", "MARK", "CONNMARK", "CONNSECMARK", "SET"];

const base = "PREROUTING";

/** What one rule means for a pod's packet in its chain. */
type Step = "goes-on" | "ends" | { readonly takenBy: string };

/** A rule's text with its chain before it, where the rule takes a pod's packet; `undefined` where all go on. */
type TakenBy = string | undefined;

/**
 * Finds the first of PREROUTING's rules that would take a pod's packet to the metadata service, or some of the pods'.
 * Answers with that rule's text, its chain before it, or `undefined` where all such packets come out behind the last of them.
 */
export async function findShadow(rules: readonly Rule[], search: ShadowSearch): Promise<TakenBy> {
  const known = new Map<string, Promise<TakenBy>>();

  function inChain(chain: string): Promise<TakenBy> {
    const answer = known.get(chain) ?? search.readChain(chain).then((inner) => inRules(chain, inner));
    known.set(chain, answer);
    return answer;
  }

  async function inRules(chain: string, chainRules: readonly Rule[]): Promise<TakenBy> {
    for (const rule of chainRules) {
      const step = await stepOf(chain, rule);
      if (step !== "goes-on") {
        return step === "ends" ? undefined : step.takenBy;
      }
    }
    return undefined;
  }

  async function stepOf(chain: string, rule: Rule): Promise<Step> {
    const share = shareTaken(rule, search.family, search.pods);
    const effect = share === "none" ? "passes" : effectOf(rule);
    switch (effect) {
      case "passes":
        return "goes-on";
      case "decides":
        return { takenBy: inWords(chain, rule) };
      case "returns":
        return leave(chain, rule, share);
      case "calls":
      case "goes": {
        const takenBy = await inChain(rule.target?.name ?? "");
        if (takenBy !== undefined) {
          return { takenBy };
        }
        return effect === "goes" ? leave(chain, rule, share) : "goes-on";
      }
      default:
        return effect satisfies never;
    }
  }

  return await inRules(base, rules);
}

/** Leaving PREROUTING means its policy, which accepts: nothing behind is asked. */
function leave(chain: string, rule: Rule, share: Share): Step {
  if (chain === base) {
    return { takenBy: inWords(chain, rule) };
  }
  return share === "all" ? "ends" : "goes-on";
}

function inWords(chain: string, rule: Rule): string {
  return `${chain} ${rule.text}`;
}

/** What a rule does with the packets that it is for. */
function effectOf({ target }: Rule): "decides" | "returns" | "calls" | "goes" | "passes" {
  if (target === undefined || passingTargets.includes(target.name)) {
    return "passes";
  }
  if (decidingTargets.includes(target.name)) {
    return "decides";
  }
  if (target.name === "RETURN") {
    return "returns";
  }
  return target.how === "goto" ? "goes" : "calls";
}
