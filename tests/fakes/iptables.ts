import { CommandMissing, type CommandResult, type RunCommand } from "../../src/runtime/command.ts";

type Chains = Map<string, readonly string[]>;
type Backend = "nft" | "legacy";
type Table = "nat" | "filter";
type Tables = Readonly<Record<Backend, Readonly<Record<Table, Chains>>>>;

export interface FakeIptables {
  readonly run: RunCommand;
  /** Reads what /proc says of it. */
  readonly readText: (path: string) => Promise<string>;
  /** What was run, each as one line. */
  readonly commands: readonly string[];
  /** Each back end's chains of the nat table for IPv4, with the rules as `-S` prints them after the chain's name. */
  readonly nat: Readonly<Record<Backend, Chains>>;
  /** Every table of both versions of IP. */
  readonly tables: Readonly<Record<"iptables" | "ip6tables", Tables>>;
}

export interface Node {
  /** What `iptables-<back end> -t mangle -S` prints. */
  readonly mangle?: Partial<Record<Backend, string>>;
  /** Rules of PREROUTING to begin with, for IPv4. */
  readonly prerouting?: Partial<Record<Backend, readonly string[]>>;
  readonly legacyTables?: readonly string[];
  readonly interfaces?: readonly string[];
  /** Whether the kernel knows IPv6; false unless told. */
  readonly hasIpv6?: boolean;
  readonly missing?: readonly string[];
  /** Answers in place of the program whose command line begins so. */
  readonly failing?: Readonly<Record<string, Partial<CommandResult>>>;
}

/** A node's iptables, both back ends, and its conntrack: as much of them as a redirect uses. */
export function createFakeIptables(node: Node = {}): FakeIptables {
  const commands: string[] = [];
  const tables = { iptables: emptyTables(node.prerouting), ip6tables: emptyTables() };

  const run: RunCommand = async ([program = "", ...words], { stdin }, signal) => {
    signal.throwIfAborted();
    const command = [program, ...words].join(" ");
    commands.push(command);
    if (node.missing?.includes(program)) {
      throw new CommandMissing(program, undefined);
    }
    const failure = Object.entries(node.failing ?? {}).find(([start]) => command.startsWith(start))?.[1];
    if (failure !== undefined) {
      return { exitCode: 1, stdout: "", stderr: "", ...failure };
    }
    if (program === "conntrack") {
      return { exitCode: 1, stdout: "", stderr: "conntrack v1.4.7: 0 flow entries have been deleted.\n" };
    }
    return iptables(program, words, stdin ?? "");
  };

  function iptables(program: string, words: readonly string[], stdin: string): CommandResult {
    const backend = program.includes("-nft") ? "nft" : "legacy";
    if (words.includes("mangle")) {
      return done(node.mangle?.[backend] ?? "");
    }
    const held = tables[program.startsWith("ip6tables") ? "ip6tables" : "iptables"][backend];
    return program.endsWith("-restore") ? restore(held, stdin) : list(held, program, words);
  }

  const readText = async (path: string) => {
    switch (path) {
      case "/proc/net/dev":
        return ["Inter-| Receive", " face |bytes", ...(node.interfaces ?? ["eth0"]).map(trafficOf)].join("\n");
      case "/proc/net/if_inet6":
        return node.hasIpv6 ? "" : Promise.reject(new Error(`ENOENT ${path}`));
      default:
        return (node.legacyTables ?? []).join("\n");
    }
  };

  const { nft, legacy } = tables.iptables;
  return { run, readText, commands, nat: { nft: nft.nat, legacy: legacy.nat }, tables };
}

const trafficOf = (name: string) => `  ${name}: 0 0`;

function emptyTables(prerouting: Node["prerouting"] = {}): Tables {
  const emptyBackend = (rules: readonly string[] = []) => ({
    nat: new Map([["PREROUTING", rules]]),
    filter: new Map<string, readonly string[]>([
      ["FORWARD", []],
      ["INPUT", []],
    ]),
  });
  return { nft: emptyBackend(prerouting.nft), legacy: emptyBackend(prerouting.legacy) };
}

/** `-save` prints every chain of every table, `-S` of one, `-S CHAIN` one, with `-v` also counters. */
function list(tables: Readonly<Record<Table, Chains>>, program: string, words: readonly string[]): CommandResult {
  const print = (chain: string, rules: readonly string[]) => rules.map((rule) => `-A ${chain} ${rule}\n`).join("");
  const printAll = (chains: Chains) => [...chains].map(([name, rules]) => print(name, rules)).join("");
  if (program.endsWith("-save")) {
    return done(printAll(tables.filter) + printAll(tables.nat));
  }
  const chains = tables[words.includes("filter") ? "filter" : "nat"];
  const chain = words.at(-1) ?? "";
  if (chain === "-S") {
    return done(printAll(chains));
  }
  const rules = chains.get(chain);
  if (rules === undefined) {
    return { exitCode: 1, stdout: "", stderr: "iptables: No chain/target/match by that name.\n" };
  }
  return done(print(chain, words.includes("-v") ? rules.map((rule) => rule.replace(/ ?-j/, " -c 7 420 -j")) : rules));
}

function done(stdout: string): CommandResult {
  return { exitCode: 0, stdout, stderr: "" };
}

/** Each table is all or nothing, as both back ends commit. */
function restore(tables: Readonly<Record<Table, Chains>>, input: string): CommandResult {
  let chains: Chains = tables.nat;
  let changed: Chains = new Map();
  for (const [index, line] of input.split("\n").entries()) {
    const [verb = "", chain = "", ...words] = line.replace(/^(-I \S+) 1 /, "$1 ").split(" ");
    if (verb.startsWith("*")) {
      chains = tables[verb === "*filter" ? "filter" : "nat"];
      changed = new Map(chains);
    } else if (verb === "COMMIT") {
      chains.clear();
      for (const [name, rules] of changed) {
        chains.set(name, rules);
      }
    } else if (!change(changed, verb, chain, asPrinted(words.join(" ")))) {
      return { exitCode: 1, stdout: "", stderr: `iptables-restore: line ${index + 1} failed\n` };
    }
  }
  return done("");
}

/** Answers whether the line could be carried out. */
function change(chains: Chains, verb: string, chain: string, rule: string): boolean {
  const rules = chains.get(chain) ?? [];
  switch (verb) {
    case "-A":
      chains.set(chain, [...rules, rule]);
      return true;
    case "-I":
      chains.set(chain, [rule, ...rules]);
      return true;
    case "-D":
      chains.set(chain, rules.toSpliced(rules.indexOf(rule), 1));
      return rules.includes(rule);
    case "-X":
      return rules.length === 0 && chains.delete(chain);
    default:
      if (verb.startsWith(":")) {
        chains.set(verb.slice(1), []);
      }
      return true;
  }
}

/** iptables prints conditions in an order of its own. */
function asPrinted(rule: string): string {
  return rule.replace(/^((?:! )?-i \S+) (-d \S+) (-p tcp) (--dport \d+)/, "$2 $1 $3 -m tcp $4");
}
