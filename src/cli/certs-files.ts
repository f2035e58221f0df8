import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { OutputFile } from "./certs-output.ts";

/** The path of the first file that is there already and holds something else; `undefined` where nothing would be lost. */
export async function firstInTheWay(directory: string, files: readonly OutputFile[]): Promise<string | undefined> {
  for (const { name, text } of files) {
    const path = join(directory, name);
    const present = await readFile(path, "utf8").catch((error: unknown) => (isAbsent(error) ? text : undefined));
    if (present !== text) {
      return path;
    }
  }
  return undefined;
}

/** Writes the files, each whole or not at all, with its own mode whatever was there before. Makes the directory. */
export async function writeFiles(directory: string, files: readonly OutputFile[]): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  for (const { name, text, mode } of files) {
    const path = join(directory, name);
    const unfinished = `${path}.new`;
    await rm(unfinished, { force: true });
    // Made anew, so that a link that somebody put there is not followed.
    await writeFile(unfinished, text, { mode, flag: "wx" });
    await rename(unfinished, path);
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
}
