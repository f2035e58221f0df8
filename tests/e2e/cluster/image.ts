import { copyFile, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { writeArchive } from "../image/archive.ts";
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

/** Writes the archive of an image of one layer, all of it root's. */
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
    await must(["chown", "--recursive", "--no-dereference", "0:0", root]);
    const architecture = process.arch === "arm64" ? "arm64" : "amd64";
    await writeArchive(archive, { reference, architecture, root, entrypoint, environment }, join(work, "image"));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
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
