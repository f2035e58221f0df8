import { copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { must, run } from "../lab/command.ts";

/** What a container of an image starts with. */
export interface ImageSettings {
  /** `localhost/name:tag`. */
  readonly reference: string;
  readonly entrypoint: readonly string[];
  readonly environment?: readonly string[];
}

/** Fills an image's file system. @param root an empty directory */
export type Fill = (root: string) => Promise<void>;

/** Writes an image of one layer as `docker save` does, for `ctr images import`. Needs no daemon and no registry. */
export async function writeImage(
  archive: string,
  { reference, entrypoint, environment = [] }: ImageSettings,
  fill: Fill,
) {
  const work = await mkdtemp(join(tmpdir(), "kiam-image-"));
  try {
    const root = join(work, "root");
    await mkdir(root);
    await fill(root);
    await must(["tar", ...asRoot, "--directory", root, "--create", "--file", join(work, "layer.tar"), "."]);
    const config = JSON.stringify({
      architecture: process.arch === "arm64" ? "arm64" : "amd64",
      os: "linux",
      config: { Entrypoint: entrypoint, Env: environment },
      rootfs: { type: "layers", diff_ids: [`sha256:${await sha256(Bun.file(join(work, "layer.tar")).stream())}`] },
    });
    const manifest = JSON.stringify([{ Config: "config.json", RepoTags: [reference], Layers: ["layer.tar"] }]);
    await writeFile(join(work, "config.json"), config);
    await writeFile(join(work, "manifest.json"), manifest);
    const files = ["config.json", "layer.tar", "manifest.json"];
    await must(["tar", "--directory", work, "--create", "--file", archive, ...files]);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Times are kept: Python would compile every module again at each start. */
const asRoot = ["--owner=0", "--group=0", "--numeric-owner"];

async function sha256(bytes: ReadableStream<Uint8Array>): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256");
  for await (const chunk of bytes) {
    hash.update(chunk);
  }
  return hash.digest("hex");
}

/** Copies files of this machine to the same paths of an image, and the libraries that programs among them are linked to. */
export async function copyPrograms(root: string, paths: readonly string[]): Promise<void> {
  for (const path of new Set([...paths, ...(await librariesOf(paths))])) {
    await mkdir(join(root, dirname(path)), { recursive: true });
    await copyFile(path, join(root, path));
  }
}

/** The paths of the libraries that files are linked to, the loader among them. */
export async function librariesOf(files: readonly string[]): Promise<readonly string[]> {
  // It fails where one of the files is linked to nothing.
  const { stdout } = await run(["ldd", ...files]);
  return [...new Set([...stdout.matchAll(/(\/\S+\.so\S*) \(/g)].map(([, library = ""]) => library))];
}
