import { BlockList, isIPv6 } from "node:net";
import type { Family } from "./family.ts";
import { type InterfacePattern, overlap } from "./interface.ts";
import type { Condition, Rule } from "./rule.ts";

/** Of the packets that start a pod's connection to the metadata service: how many a condition or a rule takes. */
export type Share = "all" | "some" | "none";

/** Extensions that take no packet by themselves, only by their options, all of which {@link shareOf} knows. */
const transparentExtensions: readonly string[] = ["tcp", "comment", "multiport", "addrtype", "conntrack", "state"];

/** How many of a pod's packets to the metadata service meet every condition of the rule. What is not known counts as some. */
export function shareTaken(rule: Rule, family: Family, pods: InterfacePattern): Share {
  const shares = rule.conditions.map((condition) => shareOf(condition, family, pods));
  return shares.includes("none") ? "none" : shares.includes("some") ? "some" : "all";
}

function shareOf(condition: Condition, family: Family, pods: InterfacePattern): Share {
  const share = positiveShare(condition, family, pods);
  if (!condition.negated) {
    return share;
  }
  return share === "all" ? "none" : share === "none" ? "all" : "some";
}

function positiveShare({ option, values }: Condition, family: Family, pods: InterfacePattern): Share {
  const [value = ""] = values;
  switch (option) {
    case "-m":
      return transparentExtensions.includes(value) ? "all" : "some";
    case "--comment":
      return "all";
    case "-p":
      return allIf(["tcp", "6", "all", "0"].includes(value));
    case "-d":
      return shareOfNetwork(value, family.metadataAddress);
    case "-i":
      return overlap(pods, { inverted: false, name: value });
    case "--dport":
    case "--dports":
      return allIf(value.split(",").some(holdsPort80));
    case "--ports":
      return value.split(",").some(holdsPort80) ? "all" : "some";
    case "--dst-type":
      return allIf(value.split(",").includes("UNICAST"));
    case "--ctstate":
    case "--state":
      // What is established was cut: the first packet of a connection decides.
      return allIf(value.split(",").includes("NEW"));
    default:
      return "some";
  }
}

function allIf(taken: boolean): Share {
  return taken ? "all" : "none";
}

/** `80`, `1:1024`, or open at an end (`:1024`). */
function holdsPort80(range: string): boolean {
  const [from = "", to = from] = range.split(":");
  return Number(from || 0) <= 80 && 80 <= Number(to || 65_535);
}

/** A mask that is no prefix (`/255.0.255.0`) is not worked out. */
function shareOfNetwork(network: string, address: string): Share {
  const [base = "", length = isIPv6(base) ? "128" : "32"] = network.split("/");
  if (!/^\d+$/.test(length)) {
    return "some";
  }
  const type = isIPv6(base) ? "ipv6" : "ipv4";
  try {
    const block = new BlockList();
    block.addSubnet(base, Number(length), type);
    return allIf(block.check(address, type));
  } catch {
    return "some";
  }
}
