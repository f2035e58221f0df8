import { createHash } from "node:crypto";
import { access, mkdir, mkdtemp, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";

/**
 * The file or directory at `path`, made by `make` where it is not there: beside its place and put there whole, so that
 * one that was interrupted is made again. `make` gets the path to make it at and a directory for its work.
 */
export async function cached(path: string, make: (at: string, workshop: string) => Promise<void>): Promise<string> {
  if (await exists(path)) {
    await utimes(path, new Date(), new Date()); // For keepNewest: it is in use.
    return path;
  }
  await mkdir(dirname(path), { recursive: true });
  const workshop = await mkdtemp(`${path}.`);
  try {
    const made = join(workshop, "made");
    await make(made, workshop);
    await rename(made, path);
  } catch (error) {
    // Another process may have been quicker with a directory.
    if (!(await exists(path))) {
      throw error;
    }
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
  return path;
}

/** Removes what `cached` made long ago: of the files whose names begin so, all but those used last. */
export async function keepNewest(directory: string, prefix: string, count: number): Promise<void> {
  const names = (await readdir(directory)).filter((name) => name.startsWith(prefix));
  const aged = await Promise.all(
    names.map(async (name) => ({ name, ageMs: -(await stat(join(directory, name))).mtimeMs })),
  );
  for (const { name } of aged.sort((a, b) => a.ageMs - b.ageMs).slice(count)) {
    await rm(join(directory, name), { recursive: true, force: true });
  }
}

/** A short name for all that something is made from. */
export function keyOf(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) {
    hash.update(createHash("sha256").update(part).digest());
  }
  return hash.digest("hex").slice(0, 16);
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
