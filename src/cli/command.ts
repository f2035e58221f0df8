import { describeFailure } from "./failure.ts";
import { fileProblem } from "./file-problem.ts";
import type { FlagTable, FlagValues } from "./flag-table.ts";
import { parseFlags } from "./flags.ts";
import type { CommandIo } from "./io.ts";

/** Runs to the end and answers the exit code: 0 done, 1 it did not work out, 2 it was asked for wrongly and did nothing. */
type RunCommandWith<Values> = (values: Values, io: CommandIo) => Promise<number>;

export interface CommandDefinition<Table extends FlagTable> {
  /** What it does, for the list of commands. */
  readonly summary: string;
  readonly flags: Table;
  /** What in the values contradicts the rest, as a sentence. */
  readonly contradiction?: (values: FlagValues<Table>) => string | undefined | Promise<string | undefined>;
  /** Loads what the command is made of only when it runs, so that help need not wait for it. */
  readonly load: () => Promise<RunCommandWith<FlagValues<Table>>>;
}

export interface Command {
  readonly summary: string;
  readonly flags: FlagTable;
  /** Runs with the arguments after the command's name; every failure is on standard error and in the exit code. */
  readonly run: (name: string, argv: readonly string[], io: CommandIo) => Promise<number>;
}

export function command<Table extends FlagTable>(definition: CommandDefinition<Table>): Command {
  const { summary, flags, contradiction, load } = definition;
  return {
    summary,
    flags,
    async run(name, argv, io) {
      const parsed = parseFlags(flags, { argv, env: io.env, fileProblem });
      switch (parsed.kind) {
        case "help": {
          const { commandUsage } = await import("./usage.ts");
          io.stdout(commandUsage(name, { summary, flags }, io.build));
          return 0;
        }
        case "problem":
          return refuse(name, parsed.problem, io);
        case "values": {
          const problem = await contradiction?.(parsed.values);
          return problem === undefined ? attempt(name, load, parsed.values, io) : refuse(name, problem, io);
        }
        default:
          return parsed satisfies never;
      }
    },
  };
}

function refuse(name: string, problem: string, io: CommandIo): number {
  io.stderr(`kiam ${name}: ${problem}\n`);
  return 2;
}

async function attempt<Values>(
  name: string,
  load: () => Promise<RunCommandWith<Values>>,
  values: Values,
  io: CommandIo,
): Promise<number> {
  try {
    const run = await load();
    return await run(values, io);
  } catch (error) {
    if (io.signal.aborted && error === io.signal.reason) {
      return 0; // Told to stop while it was starting, it has stopped.
    }
    io.stderr(`kiam ${name}: ${describeFailure(error)}\n`);
    return 1;
  }
}
