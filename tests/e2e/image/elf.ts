import { open } from "node:fs/promises";
import { join } from "node:path";

export interface ElfFile {
  /** In the directory that was searched. */
  readonly path: string;
  /** `e_machine`, one of {@link machines} where it is known here. */
  readonly machine: number;
}

/** https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html */
export const machines = { amd64: 62, arm64: 183 } as const;

/** All programs and libraries below a directory, links left out. */
export async function elfFiles(root: string): Promise<readonly ElfFile[]> {
  const paths = await Array.fromAsync(
    new Bun.Glob("**").scan({ cwd: root, dot: true, onlyFiles: true, followSymlinks: false }),
  );
  const files = await Promise.all(paths.map(async (path) => ({ path, machine: await machineOf(join(root, path)) })));
  return files.flatMap(({ path, machine }) => (machine === undefined ? [] : [{ path, machine }]));
}

/** What kind of processor a file is for; `undefined` where it is for none. */
export async function machineOf(path: string): Promise<number | undefined> {
  await using file = await open(path);
  const header = Buffer.alloc(20);
  await file.read(header, 0, header.length, 0);
  return header.toString("latin1", 0, 4) === "\x7fELF" ? header.readUInt16LE(18) : undefined;
}
