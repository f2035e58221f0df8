import { readFile } from "node:fs/promises";
import { diesWithTest } from "../lab/command.ts";
import { type LabProcess, startProgram } from "../lab/process.ts";
import { waitFor } from "../lab/wait.ts";

export interface Machine extends AsyncDisposable {
  /** Before a program: takes it into every namespace of the machine. */
  readonly enter: readonly string[];
}

export interface MachinePlace {
  readonly name: string;
  /** Of its files: containerd.toml is there. */
  readonly directory: string;
  /** The network namespace that it gets. */
  readonly netns: string;
  readonly cgroups: readonly string[];
}

/** Starts containerd in namespaces for mounts, processes, cgroups and the host's name. With its first process all others end. */
export async function startMachine({ name, directory, netns, cgroups }: MachinePlace): Promise<Machine> {
  const program = new URL("./node/node.sh", import.meta.url).pathname;
  const network = `--net=/run/netns/${netns}`;
  const unshare = ["unshare", "--cgroup", "--mount", "--uts", "--pid", "--fork", "--kill-child"];
  const holder: LabProcess = startProgram(
    name,
    [
      ...[...diesWithTest, "sh", "-ec", joinCgroups, "sh", String(cgroups.length), ...cgroups],
      ...["nsenter", network, ...unshare, "sh", program, directory, name],
    ],
    { disposeSignal: "SIGKILL" },
  );
  try {
    await holder.waitForLog(/node is up/);
    const first = await waitFor("the machine's first process", () => childOf(holder.pid));
    return {
      enter: ["nsenter", `--target=${first}`, "--mount", "--pid", "--uts", "--cgroup", network],
      [Symbol.asyncDispose]: () => holder[Symbol.asyncDispose](),
    };
  } catch (error) {
    await holder[Symbol.asyncDispose]();
    throw error;
  }
}

/** Its arguments: how many cgroups, these, and the program to go on with. */
const joinCgroups = `
count=$1; shift
while [ "$count" -gt 0 ]; do echo $$ > "$1/cgroup.procs"; shift; count=$((count - 1)); done
exec "$@"`;

async function childOf(pid: number): Promise<string | undefined> {
  const [child] = (await readFile(`/proc/${pid}/task/${pid}/children`, "utf8")).split(" ");
  return child || undefined;
}
