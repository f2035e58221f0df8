import { type CommandResult, runCommand } from "../../../src/runtime/command.ts";
import { searchPath } from "./tools.ts";

export interface RunOptions {
  /** The program's whole environment, besides PATH. */
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  /** 60 s unless told. */
  readonly timeoutMs?: number;
}

/** Runs a program to its end and gives what it said. */
export function run(argv: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
  const { stdin, env, timeoutMs = 60_000 } = options;
  return runCommand(
    argv,
    { env: { PATH: searchPath, ...env }, ...(stdin === undefined ? {} : { stdin }) },
    AbortSignal.timeout(timeoutMs),
  );
}

/** Runs a program that must succeed and gives its standard output. */
export async function must(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const { exitCode, stdout, stderr } = await run(argv, options);
  if (exitCode !== 0) {
    throw new Error(`${argv.join(" ")}: exit ${exitCode}: ${stderr || stdout}`);
  }
  return stdout;
}

/** The words that start `argv` in a network namespace, ended by the kernel should this test process die first. */
export function inNamespace(netns: string, argv: readonly string[]): readonly string[] {
  return [...diesWithTest, "ip", "netns", "exec", netns, ...argv];
}

/** Before a program: the kernel ends it should this test process die first. */
export const diesWithTest: readonly string[] = ["setpriv", "--pdeathsig", "KILL"];
