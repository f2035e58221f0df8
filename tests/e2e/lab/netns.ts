import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CommandResult } from "../../../src/runtime/command.ts";
import { inNamespace, must, type RunOptions, run } from "./command.ts";
import { type LabProcess, startProcess } from "./process.ts";
import { createReach, type Reach } from "./reach.ts";

/** A network namespace that the lab made. Disposing it removes it; what runs in it must have been ended before. */
export interface Netns extends AsyncDisposable {
  readonly name: string;
  /** Runs a program in it to the end. */
  run(argv: readonly string[], options?: RunOptions): Promise<CommandResult>;
  /** Runs a program in it that must succeed; gives its standard output. */
  must(argv: readonly string[], options?: RunOptions): Promise<string>;
  start(name: string, argv: readonly string[], options?: Parameters<typeof startProcess>[3]): LabProcess;
  /** `fetch` as from inside. Addresses only: names are not looked up there. */
  readonly fetch: Reach["fetch"];
  /** Writes the /etc/hosts that programs see that run in it, those already running too. */
  setHosts(hosts: readonly string[]): Promise<void>;
}

/** `kiam-<pid of the test process>-<lab>-…`: unique on the machine, and tells whose it is. */
const namePattern = /^kiam-(\d+)-/;

/** @param directory for the sockets that lead into it */
export async function createNetns(name: string, directory: string): Promise<Netns> {
  await using undo = new AsyncDisposableStack();
  const etc = join("/etc/netns", name);
  await mkdir(etc, { recursive: true });
  undo.defer(() => rm(etc, { recursive: true, force: true }));
  await writeFile(join(etc, "hosts"), "127.0.0.1 localhost\n");
  // No resolver listens there, so a name that /etc/hosts lacks fails at once.
  await writeFile(join(etc, "resolv.conf"), "nameserver 127.0.0.1\n");
  await must(["ip", "netns", "add", name]);
  undo.defer(async () => {
    await run(["ip", "netns", "del", name]);
  });
  await must(["ip", "-n", name, "link", "set", "lo", "up"]);
  // The kernel would look for a second whether somebody else has the address; nobody in a lab has. What is bound or answered
  // from at once needs `nodad` besides: without it an address is not there before the kernel has found the time.
  await must(inNamespace(name, ["sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0"]));
  const reach = undo.use(createReach(name, join(directory, name)));
  const made = undo.move();

  return {
    name,
    run: (argv, options) => run(inNamespace(name, argv), options),
    must: (argv, options) => must(inNamespace(name, argv), options),
    start: (label, argv, options) => startProcess(label, name, argv, options),
    fetch: reach.fetch,
    // In place: `ip netns exec` has bound this very file over the /etc/hosts of what runs.
    setHosts: (hosts) => writeFile(join(etc, "hosts"), ["127.0.0.1 localhost", ...hosts, ""].join("\n")),
    [Symbol.asyncDispose]: () => made.disposeAsync(),
  };
}

/**
 * Removes what test processes left that were killed before they could: the namespaces, and the directories of the same
 * name. Their programs died with them.
 */
export async function removeAbandoned(): Promise<void> {
  for (const name of (await readdir("/run/netns").catch(() => [])).filter(isAbandoned)) {
    await run(["ip", "netns", "del", name]);
  }
  for (const parent of ["/etc/netns", tmpdir()]) {
    for (const name of (await readdir(parent).catch(() => [])).filter(isAbandoned)) {
      await rm(join(parent, name), { recursive: true, force: true });
    }
  }
}

/** Whether a name is of a lab whose test process is gone. */
export function isAbandoned(name: string): boolean {
  const owner = namePattern.exec(name)?.[1];
  return owner !== undefined && !isAlive(Number(owner));
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
