import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { must } from "../lab/command.ts";

const longMs = 600_000;

/** Debian's packages, from where this machine's apt has its own. */
export interface Debian {
  /** Downloads packages, `name` or `name:architecture`, into a directory. */
  download(packages: readonly string[], directory: string): Promise<void>;
  /** Installs the smallest Debian that has apt into a directory. */
  bootstrap(root: string): Promise<void>;
}

/** @param state a directory for the lists of packages, of both architectures, apart from the machine's own */
export async function openDebian(state: string): Promise<Debian> {
  await mkdir(join(state, "lists/partial"), { recursive: true });
  await mkdir(join(state, "cache/archives/partial"), { recursive: true });
  const options = [
    ["-o", `Dir::State=${state}`, "-o", "Dir::State::status=/var/lib/dpkg/status", "-o", `Dir::Cache=${state}/cache`],
    ["-o", "APT::Architectures::=amd64", "-o", "APT::Architectures::=arm64", "-o", "APT::Sandbox::User=root"],
  ].flat();
  await must(["apt-get", ...options, "update"], { timeoutMs: longMs });
  return {
    async download(packages, directory) {
      await mkdir(directory, { recursive: true });
      const argv = ["env", `--chdir=${directory}`, "apt-get", ...options, "download", ...packages];
      await must(argv, { timeoutMs: longMs });
    },
    async bootstrap(root) {
      const sources = await must([
        "apt-get",
        "indextargets",
        "--format",
        "$(RELEASE) $(REPO_URI)",
        "Created-By: Packages",
      ]);
      const mirror = /^bookworm (\S+)$/m.exec(sources)?.[1];
      if (mirror === undefined) {
        throw new Error("this machine's apt has no sources of Debian 12 (bookworm)");
      }
      await must(["debootstrap", "--variant=minbase", "bookworm", root, mirror], { timeoutMs: longMs });
    },
  };
}

/** Unpacks all packages of a directory, without running what they would run to be installed. */
export async function unpack(directory: string, root: string): Promise<void> {
  await mkdir(root, { recursive: true });
  for (const path of await packagesIn(directory)) {
    await must(["dpkg-deb", "--extract", path, root]);
  }
}

/** The index by which apt takes the packages of a directory for a repository. */
export async function indexOf(directory: string): Promise<string> {
  const entries = (await packagesIn(directory)).map(async (path) => {
    const bytes = await Bun.file(path).bytes();
    const hash = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
    const fields = (await must(["dpkg-deb", "--field", path])).trim();
    return `${fields}\nFilename: ./${path.slice(directory.length + 1)}\nSize: ${bytes.length}\nSHA256: ${hash}\n`;
  });
  return (await Promise.all(entries)).join("\n");
}

/** Paths of the packages in a directory. */
export async function packagesIn(directory: string): Promise<readonly string[]> {
  const files = await readdir(directory);
  return files.filter((file) => file.endsWith(".deb")).map((file) => join(directory, file));
}
