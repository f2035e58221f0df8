import { resolve } from "node:path";

const root = resolve(import.meta.dir, "../..");

/** Builds the executable as `bun run build` does, at a path of the test's own. Answers the exit code. */
export function buildKiam(outfile: string, env: Readonly<Record<string, string>> = {}): number {
  const argv = [process.execPath, "scripts/build.ts", outfile];
  return Bun.spawnSync(argv, { cwd: root, env: { ...process.env, ...env }, stdout: "ignore" }).exitCode;
}
