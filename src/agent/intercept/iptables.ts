import type { CommandResult, RunCommand } from "../../runtime/command.ts";
import type { Family } from "./family.ts";
import type { Hook, PlacedRule, Table } from "./hook.ts";
import { parseRules, type Rule } from "./rule.ts";

/** The kernel's two homes for rules. Packets go through both; each has programs of its own that see only its own. */
export type Backend = "nft" | "legacy";

/** A command that interception needs failed. The message names the command and what it said. */
export class InterceptError extends Error {
  override readonly name = "InterceptError";
}

/** Seconds to wait for the lock on /run/xtables.lock, which kube-proxy holds for a second or two on a large node. */
const lockWaitSeconds = "10";

/** One back end's programs. Each call starts one process, which takes 2 to 5 ms. */
export interface Iptables {
  readonly backend: Backend;
  /** What `-S` prints of a table: `-N CHAIN`, `-A CHAIN …`. Rejects with {@link InterceptError}. */
  list(table: Table | "mangle", signal: AbortSignal): Promise<string>;
  /** The rules of one chain, with their counters. `undefined` where there is no such chain, or no telling. */
  chain(table: Table, name: string, signal: AbortSignal): Promise<readonly Rule[] | undefined>;
  /** The rules of some of the kernel's own chains. Rejects with {@link InterceptError}. */
  placed(hooks: readonly Hook[], signal: AbortSignal): Promise<readonly PlacedRule[]>;
  /** How many rules all its tables hold. Rejects with {@link InterceptError}. */
  countRules(signal: AbortSignal): Promise<number>;
  /** Commits input for iptables-restore beside what is there, all or nothing. Rejects with {@link InterceptError}. */
  restore(input: string, signal: AbortSignal): Promise<void>;
}

export function createIptables(backend: Backend, family: Family, run: RunCommand): Iptables {
  const program = `${family.program}-${backend}`;
  const ask = (words: readonly string[], signal: AbortSignal) =>
    run([program, "--wait", lockWaitSeconds, ...words], {}, signal);

  async function must(argv: readonly string[], result: Promise<CommandResult>): Promise<string> {
    const { exitCode, stdout, stderr } = await result;
    if (exitCode !== 0) {
      throw failure(argv, exitCode, stderr);
    }
    return stdout;
  }

  return {
    backend,
    list: (table, signal) => must([program, "-t", table, "-S"], ask(["-t", table, "-S"], signal)),
    async chain(table, name, signal) {
      // How a chain that is not there is called differs by back end and version, and so does the exit code.
      const { exitCode, stdout } = await ask(["-t", table, "-v", "-S", name], signal);
      return exitCode === 0 ? parseRules(name, stdout) : undefined;
    },
    async placed(hooks, signal) {
      const found = hooks.map(async (hook) => {
        const words = ["-t", hook.table, "-S", hook.chain];
        const printed = await must([program, ...words], ask(words, signal));
        return parseRules(hook.chain, printed).map((rule) => ({ hook, rule }));
      });
      return (await Promise.all(found)).flat();
    },
    async countRules(signal) {
      const argv = [`${program}-save`];
      const printed = await must(argv, run(argv, {}, signal));
      return printed.split("\n").filter((line) => line.startsWith("-A ")).length;
    },
    async restore(input, signal) {
      const argv = [`${program}-restore`, "--noflush", "--wait", lockWaitSeconds];
      await must(argv, run(argv, { stdin: input }, signal));
    },
  };
}

export function failure(argv: readonly string[], exitCode: number, stderr: string): InterceptError {
  const said = stderr.trim().replace(/\s*\n\s*/g, "; ");
  return new InterceptError(`${argv.join(" ")}: ${said === "" ? "" : `${said} `}(exit ${exitCode})`);
}
