import { commands } from "./commands.ts";
import type { CommandIo } from "./io.ts";
import { nearest } from "./nearest.ts";

/** Runs what the command line asks for, and answers the exit code. @param argv without the program's own name */
export async function dispatch(argv: readonly string[], io: CommandIo): Promise<number> {
  const interpreter = interpreterVariable(io.env);
  if (interpreter !== undefined) {
    return refuse(`${interpreter} is set, which lets others run code in this process; unset it`, io);
  }
  const [name = "", ...rest] = argv;
  switch (name) {
    case "":
      return refuse(`which command? One of ${[...commands.keys()].join(", ")}; kiam --help tells more`, io);
    case "--help":
    case "-h":
    case "help":
      return help(rest[0], io);
    case "--version":
      return run("version", rest, io);
    case "--completion-script-bash":
    case "--completion-script-zsh":
      // As the Go release spells it.
      return run("completion", [name.replace("--completion-script-", ""), ...rest], io);
    default:
      return run(name, rest, io);
  }
}

async function run(name: string, argv: readonly string[], io: CommandIo): Promise<number> {
  const command = commands.get(name);
  return command === undefined ? refuse(unknown(name), io) : command.run(name, argv, io);
}

async function help(name: string | undefined, io: CommandIo): Promise<number> {
  if (name !== undefined) {
    return run(name, ["--help"], io);
  }
  const { rootUsage } = await import("./usage.ts");
  io.stdout(rootUsage(commands, io.build));
  return 0;
}

/** Bun itself obeys these, in a compiled program too: preloads, or a debugger's port. BUN_BE_BUN can't be seen from here. */
function interpreterVariable(env: CommandIo["env"]): string | undefined {
  return Object.keys(env).find((name) => /^BUN_(?:OPTIONS|INSPECT.*)$/.test(name) && env[name] !== "");
}

function unknown(name: string): string {
  if (name.startsWith("-")) {
    return `the command comes first, flags after it: kiam COMMAND ${JSON.stringify(name)}`;
  }
  const meant = nearest(name, [...commands.keys()]);
  return `unknown command ${JSON.stringify(name)}${meant === undefined ? "; kiam --help lists them" : `, did you mean ${meant}?`}`;
}

function refuse(problem: string, io: CommandIo): number {
  io.stderr(`kiam: ${problem}\n`);
  return 2;
}
