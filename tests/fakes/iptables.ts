import { CommandMissing, type CommandResult, type RunCommand } from "../../src/runtime/command.ts";

type Chains = Map<string, readonly string[]>;

export interface FakeIptables {
  readonly run: RunCommand;
  /** Reads what /proc says of it. */
  readonly readText: (path: string) => Promise<string>;
  /** What was run, each as one line. */
  readonly commands: readonly string[];
  /** Each back end's chains of the nat table, with the rules as `-S` prints them after the chain's name. */
  readonly nat: Readonly<Record<"nft" | "legacy", Chains>>;
}

export interface Node {
  /** What `iptables-<back end> -t mangle -S` prints. */
  readonly mangle?: Partial<Record<"nft" | "legacy", string>>;
  /** Rules of PREROUTING to begin with. */
  readonly prerouting?: Partial<Record<"nft" | "legacy", readonly string[]>>;
  readonly legacyTables?: readonly string[];
  readonly interfaces?: readonly string[];
  readonly missing?: readonly string[];
  /** Answers in place of the program whose command line begins so. */
  readonly failing?: Readonly<Record<string, Partial<CommandResult>>>;
}

/** A node's iptables, both back ends, and its conntrack: as much of them as a redirect uses. */
export function createFakeIptables(node: Node = {}): FakeIptables {
  const commands: string[] = [];
  const nat = {
    nft: new Map([["PREROUTING", node.prerouting?.nft ?? []]]),
    legacy: new Map([["PREROUTING", node.prerouting?.legacy ?? []]]),
  };

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
    const backend = program.startsWith("iptables-nft") ? "nft" : "legacy";
    if (words.includes("mangle")) {
      return done(node.mangle?.[backend] ?? "");
    }
    return program.endsWith("-restore") ? restore(nat[backend], stdin ?? "") : list(nat[backend], program, words);
  };

  const readText = async (path: string) =>
    path === "/proc/net/dev"
      ? ["Inter-| Receive", " face |bytes", ...(node.interfaces ?? ["eth0"]).map((name) => `  ${name}: 0 0`)].join("\n")
      : (node.legacyTables ?? []).join("\n");

  return { run, readText, commands, nat };
}

/** `-save` prints every chain, `-S CHAIN` one, with `-v` also counters. */
function list(chains: Chains, program: string, words: readonly string[]): CommandResult {
  const print = (chain: string, rules: readonly string[]) => rules.map((rule) => `-A ${chain} ${rule}\n`).join("");
  if (program.endsWith("-save")) {
    return done([...chains].map(([chain, rules]) => print(chain, rules)).join(""));
  }
  const chain = words.at(-1) ?? "";
  const rules = chains.get(chain);
  if (rules === undefined) {
    return { exitCode: 1, stdout: "", stderr: "iptables: No chain/target/match by that name.\n" };
  }
  return done(print(chain, words.includes("-v") ? rules.map((rule) => rule.replace(/ ?-j/, " -c 7 420 -j")) : rules));
}

function done(stdout: string): CommandResult {
  return { exitCode: 0, stdout, stderr: "" };
}

/** All or nothing, as both back ends commit. */
function restore(chains: Chains, input: string): CommandResult {
  const changed: Chains = new Map(chains);
  for (const [index, line] of input.split("\n").entries()) {
    const [verb = "", chain = "", ...words] = line.replace(" PREROUTING 1 ", " PREROUTING ").split(" ");
    if (!change(changed, verb, chain, asPrinted(words.join(" ")))) {
      return { exitCode: 1, stdout: "", stderr: `iptables-restore: line ${index + 1} failed\n` };
    }
  }
  chains.clear();
  for (const [chain, rules] of changed) {
    chains.set(chain, rules);
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
