import { untilAborted } from "./abort.ts";

export interface CommandResult {
  /** 128 and the signal's number for a process that a signal ended, as shells count. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. Rejects with {@link CommandMissing} where there is no such program, or with the signal's reason. */
export type RunCommand = (
  argv: readonly string[],
  options: { readonly stdin?: string; readonly env?: Readonly<Record<string, string>> },
  signal: AbortSignal,
) => Promise<CommandResult>;

export class CommandMissing extends Error {
  override readonly name = "CommandMissing";

  constructor(program: string, cause: unknown) {
    super(`${program} is not installed, or not in PATH`, { cause });
  }
}

export const runCommand: RunCommand = async (argv, options, signal) => {
  signal.throwIfAborted();
  const process = spawn(argv, options, signal);
  const ended = Promise.all([process.exited, process.stdout.text(), process.stderr.text()]);
  // The pipes may stay open after an abort: a child of the killed process can hold them.
  const [exitCode, stdout, stderr] = await untilAborted(ended, signal);
  return { exitCode, stdout, stderr };
};

function spawn(argv: readonly string[], options: Parameters<RunCommand>[1], signal: AbortSignal) {
  try {
    return Bun.spawn([...argv], {
      stdin: options.stdin === undefined ? "ignore" : new TextEncoder().encode(options.stdin),
      stdout: "pipe",
      stderr: "pipe",
      ...(options.env === undefined ? {} : { env: options.env }),
      signal,
    });
  } catch (error) {
    throw new CommandMissing(argv[0] ?? "", error);
  }
}
