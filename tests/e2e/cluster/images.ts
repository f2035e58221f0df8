import { copyFile, cp, mkdir, readdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { cached, keyOf } from "../image/cached.ts";
import { must } from "../lab/command.ts";
import { cacheDirectory, tools } from "../lab/tools.ts";
import { copyPrograms, librariesOf, writeImage } from "./image.ts";

/** The archives of what a cluster's pods run besides kiam: made on first use, and again when what they are made of changes. */
export async function labImages(): Promise<readonly string[]> {
  const sources = ["images.ts", "image.ts", "../pods/reader.py", "../pods/boto3_identity.py"];
  const requirements = "../../tools/requirements.txt";
  const texts = [...sources, requirements].map((path) => readFile(new URL(path, import.meta.url)));
  const built = [tools.part("pause"), tools.part("coredns"), tools.python("python")];
  const times = built.map(async (path) => String((await stat(path)).mtimeMs));
  const key = keyOf(...(await Promise.all([...texts, ...times])));
  return Promise.all(
    Object.entries(writers).map(([name, write]) => cached(join(cacheDirectory, `image/lab-${name}-${key}.tar`), write)),
  );
}

/** What holds a pod's namespaces. */
const writePause = (archive: string) =>
  writeImage(archive, { reference: "localhost/pause:lab", entrypoint: ["/pause"] }, (root) =>
    copyFile(tools.part("pause"), join(root, "pause")),
  );

/** The cluster's DNS. */
const writeDns = (archive: string) =>
  writeImage(archive, { reference: "localhost/coredns:lab", entrypoint: ["/coredns"] }, async (root) => {
    await copyPrograms(root, await librariesOf([tools.part("coredns")]));
    await copyFile(tools.part("coredns"), join(root, "coredns"));
  });

/** Python with boto3 and moto, and the programs of pods in `/pods`. */
async function writePython(archive: string): Promise<void> {
  const [program = "", standard = "", packages = ""] = (await must([tools.python("python"), "-c", places])).split("\n");
  const settings = {
    reference: "localhost/python:lab",
    entrypoint: ["/usr/bin/python3"],
    environment: [`PYTHONHOME=${dirname(dirname(standard))}`, "PYTHONPATH=/packages", "PYTHONUNBUFFERED=1"],
  };
  const unusedServices = await Promise.all([
    directoriesBut(packages, "botocore/data", ["iam", "sts"]),
    directoriesBut(packages, "moto", emulated),
  ]);
  await writeImage(archive, settings, async (root) => {
    await copyTree(standard, join(root, standard), unusedStandard);
    await copyTree(packages, join(root, "packages"), [...unusedPackages, ...unusedServices.flat()]);
    const extensions = [...new Bun.Glob("**/*.so").scanSync({ cwd: root, dot: true })].map((path) => join(root, path));
    await mkdir(join(root, "usr/bin"), { recursive: true });
    await copyFile(program, join(root, "usr/bin/python3"));
    await copyPrograms(root, [...(await librariesOf([program])), ...(await librariesOf(extensions))]);
    await cp(new URL("../pods", import.meta.url).pathname, join(root, "pods"), { recursive: true });
    await mkdir(join(root, "tmp"));
  });
}

const places = `
import os, sys, sysconfig
print(os.path.realpath(sys._base_executable), sysconfig.get_path("stdlib"), sysconfig.get_path("purelib"), sep="\\n")`;

/** Most of what there is, by size. */
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
  ...["pydantic_core", "pydantic", "regex", "antlr4", "pyparsing", "rpds"],
];

/** What moto's STS is made of. */
const emulated = ["cloudwatch", "core", "events", "iam", "moto_api", "moto_server", "s3", "sts", "utilities"];

/** Paths in `base` of what is in a directory of its. */
async function directoriesBut(base: string, directory: string, kept: readonly string[]): Promise<readonly string[]> {
  const entries = await readdir(join(base, directory), { withFileTypes: true });
  const unused = entries.filter((each) => each.isDirectory() && !kept.includes(each.name));
  return unused.map(({ name }) => `${directory}/${name}`);
}

const copying = 'from=$1; to=$2; shift 2; tar -C "$from" "$@" -c . | tar -C "$to" -x';

async function copyTree(from: string, to: string, unused: readonly string[]): Promise<void> {
  await mkdir(to, { recursive: true });
  const excluded = unused.map((pattern) => `--exclude=./${pattern}`).concat("--exclude=*.opt-?.pyc");
  await must(["sh", "-ec", copying, "sh", from, to, ...excluded]);
}

const writers = { pause: writePause, coredns: writeDns, python: writePython };
