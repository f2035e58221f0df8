/** `bun run check`: every static check and the unit tests; says which failed and how long each took. */
const goReleaseWire = "tests/fixtures/proto/go-release.binpb";

const steps: readonly (readonly [name: string, argv: readonly string[]])[] = [
  ["format and lint", ["biome", "ci", "--error-on-warnings", "."]],
  ["types", ["tsc", "-p", "."]],
  ["dead code", ["knip"]],
  ["proto lint", ["buf", "lint"]],
  ["wire of the Go release", ["buf", "breaking", "--against", goReleaseWire]],
  ["proto drift", ["bun", "scripts/proto-drift.ts"]],
  ["unit tests", ["bun", "test", "--parallel", "--coverage", "--coverage-reporter=lcov", "tests/unit"]],
];

let failed = 0;
for (const [name, argv] of steps) {
  const started = performance.now();
  const { exitCode } = Bun.spawnSync([...argv], { stdout: "inherit", stderr: "inherit" });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${exitCode === 0 ? "ok  " : "FAIL"} ${name} (${seconds} s)`);
  failed += exitCode === 0 ? 0 : 1;
}
process.exit(failed === 0 ? 0 : 1);
