import { copyFile, cp, mkdir, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { must } from "../lab/command.ts";
import { tools } from "../lab/tools.ts";
import { copyPrograms, librariesOf, writeImage } from "./image.ts";

/** Writes an image's archive. */
export type WriteImage = (archive: string) => Promise<void>;

/** What holds a pod's namespaces. */
export const pauseImage: WriteImage = (archive) =>
  writeImage(archive, { reference: "localhost/pause:lab", entrypoint: ["/pause"] }, (root) =>
    copyFile(tools.part("pause"), join(root, "pause")),
  );

/** The cluster's DNS. */
export const dnsImage: WriteImage = (archive) =>
  writeImage(archive, { reference: "localhost/coredns:lab", entrypoint: ["/coredns"] }, async (root) => {
    await copyPrograms(root, await librariesOf([tools.part("coredns")]));
    await copyFile(tools.part("coredns"), join(root, "coredns"));
  });

/** kiam as its image has it: the compiled binary, iptables with both back ends, and conntrack. */
export const kiamImage: WriteImage = (archive) =>
  writeImage(
    archive,
    { reference: "localhost/kiam:lab", entrypoint: ["/kiam"], environment: [searchPath] },
    async (root) => {
      const extensions = xtablesExtensions();
      await copyPrograms(root, [...xtables, "/usr/sbin/conntrack", ...(await librariesOf([tools.kiam()]))]);
      await copyFile(tools.kiam(), join(root, "kiam"));
      await cp(extensions, join(root, extensions), { recursive: true });
      for (const suffix of ["", "-save", "-restore"]) {
        for (const program of ["iptables", "ip6tables"]) {
          await symlink("xtables-nft-multi", join(root, `/usr/sbin/${program}${suffix}`));
          await symlink("xtables-nft-multi", join(root, `/usr/sbin/${program}-nft${suffix}`));
          await symlink("xtables-legacy-multi", join(root, `/usr/sbin/${program}-legacy${suffix}`));
        }
      }
      await mkdir(join(root, "run"));
    },
  );

const searchPath = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
const xtables = ["/usr/sbin/xtables-nft-multi", "/usr/sbin/xtables-legacy-multi"];

/** Where iptables finds its matches and targets. */
function xtablesExtensions(): string {
  const [library] = new Bun.Glob("/usr/lib/*/xtables/libxt_tcp.so").scanSync("/");
  return dirname(library ?? "");
}

/** Python with boto3 and moto, and the programs of pods in `/pods`. */
export const pythonImage: WriteImage = async (archive) => {
  const [program = "", standard = "", packages = ""] = (await must([tools.python("python"), "-c", places])).split("\n");
  const settings = {
    reference: "localhost/python:lab",
    entrypoint: [program],
    environment: [searchPath, "PYTHONPATH=/packages", "PYTHONUNBUFFERED=1"],
  };
  await writeImage(archive, settings, async (root) => {
    await copyTree(standard, join(root, standard), unusedStandard);
    await copyTree(packages, join(root, "packages"), unusedPackages);
    const extensions = [...new Bun.Glob("**/*.so").scanSync({ cwd: root, dot: true })].map((path) => join(root, path));
    await copyPrograms(root, [program, ...(await librariesOf(extensions))]);
    await cp(new URL("../pods", import.meta.url).pathname, join(root, "pods"), { recursive: true });
    await mkdir(join(root, "tmp"));
  });
};

const places = `
import os, sys, sysconfig
print(os.path.realpath(sys._base_executable), sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), sep="\\n")`;

/** Most of what there is by size. */
const unusedStandard = [
  "test",
  "site-packages",
  "dist-packages",
  "config-*",
  "idlelib",
  "tkinter",
  "lib2to3",
  "ensurepip",
];
const unusedPackages = [
  ...["awscli", "sympy", "cfnlint", "networkx", "mpmath", "pip", "setuptools", "pkg_resources", "docutils", "graphql"],
  ...[
    "pydantic_core",
    "pydantic",
    "regex",
    "antlr4",
    "pyparsing",
    "rpds",
    "botocore/data/[a-np-rt-z]*",
    "botocore/data/s[a-s]*",
  ],
];

async function copyTree(from: string, to: string, unused: readonly string[]): Promise<void> {
  await mkdir(to, { recursive: true });
  const excluded = unused.map((pattern) => `--exclude=./${pattern}`);
  await must([
    "sh",
    "-ec",
    'from=$1; to=$2; shift 2; tar -C "$from" "$@" -c . | tar -C "$to" -x',
    "sh",
    from,
    to,
    ...excluded,
  ]);
}
