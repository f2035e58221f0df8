/** `bun run build [outfile]`: one executable with everything inside; dist/kiam unless said otherwise. */
import { mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import manifest from "../package.json" with { type: "json" };

const root = resolve(import.meta.dir, "..");
const outfile = resolve(process.argv[2] ?? resolve(root, "dist/kiam"));

mkdirSync(dirname(outfile), { recursive: true });
const workshop = mkdtempSync(join(dirname(outfile), ".build-"));
const { exitCode } = Bun.spawnSync(
  [
    process.execPath,
    "build",
    "--compile",
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
  renameSync(join(workshop, "kiam"), outfile); // A copy that is running keeps running.
}
rmSync(workshop, { recursive: true }); // The source maps in it are inside the executable too.
process.exit(exitCode);

/** The commit's hash, with `-dirty` where tracked files differ from it; `unknown` outside of git. */
function commit(): string {
  const { success, stdout } = Bun.spawnSync(
    ["git", "-c", `safe.directory=${root}`, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
    { cwd: root, env: { ...process.env, GIT_CEILING_DIRECTORIES: dirname(root) }, stderr: "ignore" },
  );
  return success ? stdout.toString().trim() : "unknown";
}
