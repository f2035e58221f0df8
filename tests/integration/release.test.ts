import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { machineOf, machines } from "../e2e/image/elf.ts";

const root = resolve(import.meta.dir, "../..");
const folder = mkdtempSync(join(tmpdir(), "kiam-release-"));
const name = (architecture: string) => `kiam-${manifest.version}-linux-${architecture}`;

function run(argv: readonly string[], cwd = root): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...argv], { cwd, stderr: "pipe" });
  if (exitCode !== 0) {
    throw new Error(`${argv.join(" ")}: exit ${exitCode}: ${stderr}`);
  }
  return stdout.toString();
}
const release = (directory: string, ...architectures: readonly string[]) =>
  run([process.execPath, "scripts/release.ts", directory, ...architectures]);
const unpacked = (architecture: string, file: string) =>
  run(["tar", "-xzOf", `${name(architecture)}.tar.gz`, `${name(architecture)}/${file}`], folder);

beforeAll(() => release(folder), 240_000);
afterAll(() => rmSync(folder, { recursive: true }));

test("three executables and their archives, with sums that are right", () => {
  const checked = run(["sha256sum", "--check", "--strict", "SHA256SUMS"], folder).trim().split("\n");

  const names = ["x64", "x64-baseline", "arm64"].flatMap((each) => [name(each), `${name(each)}.tar.gz`]);
  expect(checked).toEqual(names.map((each) => `${each}: OK`));
  expect([...new Bun.Glob("**").scanSync({ cwd: folder, dot: true })].sort()).toEqual([...names, "SHA256SUMS"].sort());
});

test("each is for its own kind of processor", async () => {
  const kinds = await Promise.all(["x64", "x64-baseline", "arm64"].map((each) => machineOf(join(folder, name(each)))));

  expect(kinds).toEqual([machines.amd64, machines.amd64, machines.arm64]);
});

const own = process.arch === "arm64" ? ["arm64"] : ["x64", "x64-baseline"];
test.each(own)("%s runs, and says what it is", (architecture) => {
  const said = run([join(folder, name(architecture)), "version"]);

  expect(said).toStartWith(`kiam ${manifest.version} (commit `);
});

test("an archive holds the executable, licences, and what an operator needs to run it", () => {
  const listing = run(["tar", "-tzf", `${name("arm64")}.tar.gz`], folder);

  const files = ["CHANGELOG.md", "LICENSE", "README.md", "THIRD_PARTY_NOTICES"];
  const expected = ["", ...files, "kiam", "kiam-agent.env", "kiam-agent.service"].map(
    (file) => `${name("arm64")}/${file}`,
  );
  expect(listing.trim().split("\n").sort()).toEqual(expected.sort());
  expect(unpacked("arm64", "LICENSE")).toBe(readFileSync(join(root, "LICENSE"), "utf8"));
});

test("every package that the executable is really made of is in its notices", () => {
  const meta = join(folder, "meta.json");
  run([process.execPath, "build", "--target=bun", `--metafile=${meta}`, `--outdir=${folder}/bundle`, "src/main.ts"]);
  const { inputs } = JSON.parse(readFileSync(meta, "utf8"));
  const bundled = Object.keys(inputs).flatMap((path) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? []);

  const notices = unpacked("x64", "THIRD_PARTY_NOTICES");

  expect(new Set(bundled).size).toBeGreaterThan(20);
  expect([...new Set(bundled)].filter((each) => !notices.includes(`\n${each} `))).toEqual([]);
  expect(notices).toContain(`\nBun ${Bun.version}\n`);
});

test("the same commit gives the same bytes", () => {
  const again = join(folder, "again");

  release(again, "arm64");

  const sums = readFileSync(join(again, "SHA256SUMS"), "utf8");
  expect(readFileSync(join(folder, "SHA256SUMS"), "utf8")).toEndWith(sums);
}, 120_000);
