import { mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import manifest from "../package.json" with { type: "json" };

const root = resolve(import.meta.dir, "..");

export interface Compilation {
  /** Replaced in one step; a copy that is running keeps running. */
  readonly outfile: string;
  /** As `bun build --target` has it, `bun-linux-arm64`; absent: this machine's. */
  readonly target?: string;
}

/** Compiles one executable with everything inside, the same bytes for the same commit and Bun. Answers the exit code. */
export function compileKiam({ outfile, target }: Compilation): number {
  mkdirSync(dirname(outfile), { recursive: true });
  const workshop = mkdtempSync(join(dirname(outfile), ".build-"));
  const { exitCode } = Bun.spawnSync(
    [
      process.execPath,
      "build",
      "--compile",
      ...(target === undefined ? [] : [`--target=${target}`]),
      // Bytecode and splitting are what makes it start in tens of milliseconds.
      ...["--minify", "--splitting", "--bytecode", "--format=esm", "--sourcemap"],
      // Without these it would read .env and run bunfig.toml's preloads from whatever directory it is started in.
      ...["--no-compile-autoload-dotenv", "--no-compile-autoload-bunfig"],
      ...["--define", `KIAM_VERSION=${JSON.stringify(manifest.version)}`],
      ...["--define", `KIAM_COMMIT=${JSON.stringify(commit())}`],
      `--outfile=${join(workshop, "kiam")}`,
      "src/main.ts",
    ],
    { cwd: root, stdout: "inherit", stderr: "inherit" },
  );
  if (exitCode === 0) {
    renameSync(join(workshop, "kiam"), outfile);
  }
  rmSync(workshop, { recursive: true }); // The source maps in it are inside the executable too.
  return exitCode;
}

/**
 * What `KIAM_COMMIT` says, where there is no repository (the image's build has none), else the commit's hash, with
 * `-dirty` where tracked files differ from it; `unknown` where nothing tells.
 */
export function commit(): string {
  const told = process.env["KIAM_COMMIT"] ?? "";
  if (told !== "" || Bun.which("git") === null) {
    return told || "unknown";
  }
  const { success, stdout } = Bun.spawnSync(
    ["git", "-c", `safe.directory=${root}`, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
    { cwd: root, env: { ...process.env, GIT_CEILING_DIRECTORIES: dirname(root) }, stderr: "ignore" },
  );
  return success ? stdout.toString().trim() : "unknown";
}
