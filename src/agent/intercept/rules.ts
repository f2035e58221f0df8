import { formatHostPort } from "../../domain/host-port.ts";
import type { IpAddress } from "../../domain/ip-address.ts";
import type { Family } from "./family.ts";
import { type Hook, redirectHooks, rejectHooks, type Table } from "./hook.ts";
import type { InterfacePattern } from "./interface.ts";
import type { Rule } from "./rule.ts";

/** The chain that holds what becomes of pods' calls and nothing else, in the nat table or the filter table. */
export const ownChain = "KIAM-METADATA";

/** What becomes of pods' calls to the metadata service. */
export type Fate =
  /** They lead to the agent. */
  | { readonly kind: "redirect"; readonly host: IpAddress; readonly port: number }
  /** They are refused at once, so that SDKs go on to the other version of IP. */
  | { readonly kind: "reject" };

/** What becomes of the calls by one version of IP, and by which interfaces the packets come in. */
export interface RedirectSpec {
  readonly family: Family;
  readonly pods: InterfacePattern;
  readonly fate: Fate;
}

/** The kernel's chains that lead into the own chain. */
export function hooksOf({ fate }: Pick<RedirectSpec, "fate">): readonly Hook[] {
  return fate.kind === "redirect" ? redirectHooks : rejectHooks;
}

/** The table that the own chain is in. */
export function tableOf({ fate }: Pick<RedirectSpec, "fate">): Table {
  return fate.kind === "redirect" ? "nat" : "filter";
}

/** Whether the rule leads into the own chain, this agent's or one that crashed. */
export function isRedirectJump(rule: Rule): boolean {
  return rule.target?.name === ownChain;
}

/** Whether the rule is the jump that `spec` asks for, as it stands in one of its hooks. */
export function isJumpOf(rule: Rule, spec: RedirectSpec): boolean {
  return isRedirectJump(rule) && sameWords(conditionWords(rule), jumpConditions(spec));
}

/** Whether these are the rules that `spec` asks for in the own chain. */
export function isChainOf(rules: readonly Rule[], spec: RedirectSpec): boolean {
  const [rule, ...more] = rules;
  const { name, options = [] } = rule?.target ?? {};
  return (
    rule !== undefined &&
    more.length === 0 &&
    sameWords(conditionWords(rule), ["-p tcp"]) &&
    [name, ...options].join(" ") === targetOf(spec.fate)
  );
}

/** Whether the rule is what the Go release puts into PREROUTING: the whole redirect in one rule. */
export function isGoReleaseRule(rule: Rule, family: Family): boolean {
  const conditions = conditionWords(rule).filter((words) => !/^(! )?-i /.test(words));
  const { name, options = [] } = rule.target ?? {};
  return name === "DNAT" && options[0] === "--to-destination" && sameWords(conditions, connectionWords(family));
}

/** The own chain's one target, as iptables takes it and prints it. */
export function targetOf(fate: Fate): string {
  switch (fate.kind) {
    case "redirect":
      return `DNAT --to-destination ${formatHostPort(fate.host, fate.port)}`;
    case "reject":
      return "REJECT --reject-with tcp-reset";
    default:
      return fate satisfies never;
  }
}

/** In the order in which iptables takes them: the protocol before its ports. */
export function jumpConditions({ family, pods }: Pick<RedirectSpec, "family" | "pods">): readonly string[] {
  // To iptables `+` alone is no condition, and it does not print one back.
  const interfaceWords = pods.name === "+" ? [] : [`${pods.inverted ? "! " : ""}-i ${pods.name}`];
  return [...interfaceWords, ...connectionWords(family)];
}

function connectionWords(family: Family): readonly string[] {
  return [`-d ${family.metadataNetwork}`, "-p tcp", "--dport 80"];
}

/** The rule's conditions as one writes them on the command line; `-m tcp` only repeats the protocol. */
function conditionWords(rule: Rule): readonly string[] {
  return rule.conditions
    .map(({ option, negated, values }) => `${negated ? "! " : ""}${option} ${values.join(" ")}`)
    .filter((words) => words !== "-m tcp");
}

function sameWords(some: readonly string[], others: readonly string[]): boolean {
  return [...some].sort().join("\n") === [...others].sort().join("\n");
}
