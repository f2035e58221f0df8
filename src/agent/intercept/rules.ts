import { formatHostPort } from "../../domain/host-port.ts";
import type { IpAddress } from "../../domain/ip-address.ts";
import type { Family } from "./family.ts";
import type { InterfacePattern } from "./interface.ts";
import type { Rule } from "./rule.ts";

/** The chain that holds the redirect and nothing else, in the nat table. */
export const redirectChain = "KIAM-METADATA";

/** Where connections to the metadata service are led, and by which interfaces the packets come in. */
export interface RedirectSpec {
  readonly family: Family;
  readonly pods: InterfacePattern;
  readonly host: IpAddress;
  readonly port: number;
}

/** Whether the rule leads into the redirect's chain, this agent's or one that crashed. */
export function isRedirectJump(rule: Rule): boolean {
  return rule.target?.name === redirectChain;
}

/** Whether the rule is the jump that `spec` asks for, as it stands in PREROUTING. */
export function isJumpOf(rule: Rule, spec: RedirectSpec): boolean {
  return isRedirectJump(rule) && sameWords(conditionWords(rule), conditionsOf(spec));
}

/** Whether these are the rules that `spec` asks for in the redirect's own chain. */
export function isChainOf(rules: readonly Rule[], spec: RedirectSpec): boolean {
  const [rule, ...more] = rules;
  const { name, options = [] } = rule?.target ?? {};
  return (
    rule !== undefined &&
    more.length === 0 &&
    name === "DNAT" &&
    sameWords(conditionWords(rule), ["-p tcp"]) &&
    sameWords([options.join(" ")], [`--to-destination ${formatDestination(spec)}`])
  );
}

/** Whether the rule is what the Go release puts into PREROUTING: the whole redirect in one rule. */
export function isGoReleaseRule(rule: Rule, family: Family): boolean {
  const conditions = conditionWords(rule).filter((words) => !/^(! )?-i /.test(words));
  const { name, options = [] } = rule.target ?? {};
  return name === "DNAT" && options[0] === "--to-destination" && sameWords(conditions, connectionWords(family));
}

/**
 * Input for iptables-restore with `--noflush`: makes the chain, or empties it, and jumps to it first. All in one commit, together with
 * the removal of what it takes the place of. @param replaced rules that stand in PREROUTING, each as often as it stands there
 */
export function installInput(spec: RedirectSpec, replaced: readonly Rule[]): string {
  const jump = `-I PREROUTING 1 ${conditionsOf(spec).join(" ")} -j ${redirectChain}`;
  const redirect = `-A ${redirectChain} -p tcp -j DNAT --to-destination ${formatDestination(spec)}`;
  return natInput([`:${redirectChain} - [0:0]`, redirect, ...deletions(replaced), jump]);
}

/** Input for iptables-restore with `--noflush`: removes the rules from PREROUTING, and the chain once nothing jumps to it. */
export function removeInput(rules: readonly Rule[]): string {
  const ownChain = rules.some(isRedirectJump);
  return natInput([
    ...(ownChain ? [`:${redirectChain} - [0:0]`] : []),
    ...deletions(rules),
    ...(ownChain ? [`-X ${redirectChain}`] : []),
  ]);
}

/** `host:port`, as DNAT takes it. */
export function formatDestination({ host, port }: Pick<RedirectSpec, "host" | "port">): string {
  return formatHostPort(host, port);
}

function natInput(lines: readonly string[]): string {
  return ["*nat", ...lines, "COMMIT", ""].join("\n");
}

function deletions(rules: readonly Rule[]): readonly string[] {
  return rules.map((rule) => `-D PREROUTING ${rule.text}`);
}

/** In the order in which iptables takes them: the protocol before its ports. */
function conditionsOf({ family, pods }: RedirectSpec): readonly string[] {
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
