/** Fails where the committed code is not what the protos generate. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const fresh = mkdtempSync(join(tmpdir(), "kiam-proto-"));
try {
  const run = (argv: readonly string[]) =>
    Bun.spawnSync([...argv], { stdout: "inherit", stderr: "inherit" }).exitCode === 0;
  if (!run(["buf", "generate", "--output", fresh]) || !run(["diff", "-r", join(fresh, "src/rpc/gen"), "src/rpc/gen"])) {
    console.error("src/rpc/gen is not what proto/ generates: run `bun run generate` and commit the outcome");
    process.exitCode = 1;
  }
} finally {
  rmSync(fresh, { recursive: true });
}
