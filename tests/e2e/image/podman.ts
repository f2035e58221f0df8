import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CommandResult } from "../../../src/runtime/command.ts";
import { must, type RunOptions, run } from "../lab/command.ts";
import { isAbandoned } from "../lab/netns.ts";

/** Podman with images and containers of its own. Disposing it ends and removes all of them. */
export interface Podman extends AsyncDisposable {
  /** The words that start podman there. */
  readonly argv: readonly string[];
  run(words: readonly string[], options?: RunOptions): Promise<CommandResult>;
  must(words: readonly string[], options?: RunOptions): Promise<string>;
}

/** Before a name of the lab's: that would be removed with its containers still running. */
const prefix = "podman-";

export async function createPodman(): Promise<Podman> {
  for (const name of await readdir(tmpdir())) {
    if (name.startsWith(prefix) && isAbandoned(name.slice(prefix.length))) {
      await remove(join(tmpdir(), name));
    }
  }
  const directory = await mkdtemp(join(tmpdir(), `${prefix}kiam-${process.pid}-`));
  const argv = words(directory);
  await mkdir(join(directory, "storage"));
  return {
    argv,
    run: (more, options) => run([...argv, ...more], options),
    must: (more, options) => must([...argv, ...more], options),
    [Symbol.asyncDispose]: () => remove(directory),
  };
}

function words(directory: string): readonly string[] {
  return [
    ...["podman", "--root", join(directory, "storage"), "--runroot", join(directory, "run")],
    // overlay does not work on every machine that tests run on, nor does systemd.
    ...["--tmpdir", join(directory, "libpod"), "--storage-driver=vfs", "--cgroup-manager=cgroupfs"],
    ...["--runtime=runc", "--events-backend=none", "--log-level=error"],
  ];
}

async function remove(directory: string): Promise<void> {
  await run([...words(directory), "rm", "--all", "--force", "--time", "0"]);
  await rm(directory, { recursive: true, force: true });
}
