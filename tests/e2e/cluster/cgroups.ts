import { readFileSync } from "node:fs";
import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { waitFor } from "../lab/wait.ts";

/** The cgroups of one node, one in each hierarchy below the test's own. */
export interface Cgroups extends AsyncDisposable {
  readonly directories: readonly string[];
}

const root = "/sys/fs/cgroup";

/** A node's processes join these, then hide what is above by a cgroup namespace. Disposing removes them once they are empty. */
export async function createCgroups(name: string): Promise<Cgroups> {
  const parents = ownCgroups();
  if (parents.length === 0) {
    throw new Error("the cluster's nodes need cgroup v1 hierarchies, and this machine has none");
  }
  const directories = parents.map((parent) => join(parent, name));
  for (const directory of directories) {
    await mkdir(directory);
    if (directory.startsWith(join(root, "cpuset/"))) {
      for (const file of ["cpuset.cpus", "cpuset.mems"]) {
        await writeFile(join(directory, file), await readFile(join(directory, "..", file)));
      }
    }
  }
  return {
    directories,
    async [Symbol.asyncDispose]() {
      for (const directory of directories) {
        await waitFor(`${directory} to be empty`, () => removeTree(directory).then(() => true));
      }
    },
  };
}

/** Removes the cgroups of nodes that belong to nobody any more. */
export async function removeCgroups(isAbandoned: (name: string) => boolean): Promise<void> {
  for (const parent of ownCgroups()) {
    for (const name of (await readdir(parent).catch(() => [])).filter(isAbandoned)) {
      await removeTree(join(parent, name)).catch(() => undefined);
    }
  }
}

/** This process's own cgroup in each hierarchy of version 1, and in the unified one beside them. */
function ownCgroups(): readonly string[] {
  const lines = readFileSync("/proc/self/cgroup", "utf8").trim().split("\n");
  const places = lines.map((line) => {
    const [, controllers = "", path = ""] = line.split(":");
    return { hierarchy: controllers === "" ? "unified" : controllers.replace("name=", ""), path };
  });
  return places.some(({ hierarchy }) => hierarchy === "memory")
    ? places.map(({ hierarchy, path }) => join(root, hierarchy, path))
    : [];
}

/** Only directories can be removed there, the files in them are the kernel's. */
async function removeTree(directory: string): Promise<void> {
  const inside = await readdir(directory, { withFileTypes: true }).catch(() => []);
  for (const entry of inside.filter((each) => each.isDirectory())) {
    await removeTree(join(directory, entry.name));
  }
  await rmdir(directory).catch((error: unknown) => {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) {
      throw error;
    }
  });
}
