/**
 * `npm run release [directory [architecture…]]`: the executables that are given out, each alone and in an archive with its
 * licences, and their SHA256SUMS; into dist/ unless said otherwise. The same commit and Bun give the same bytes.
 */
import { createHash } from "node:crypto";
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import manifest from "../package.json" with { type: "json" };
import { compileKiam } from "./compile.ts";
import { notices } from "./notices.ts";

const root = resolve(import.meta.dir, "..");

/** What `bun build --target` calls each; baseline is for processors without AVX2. */
const targets: Readonly<Record<string, string>> = {
  x64: "bun-linux-x64",
  "x64-baseline": "bun-linux-x64-baseline",
  arm64: "bun-linux-arm64",
};
const companions = [
  "LICENSE",
  "README.md",
  "CHANGELOG.md",
  ...["service", "env"].map((end) => `deploy/systemd/kiam-agent.${end}`),
];

const [directory = join(root, "dist"), ...wanted] = process.argv.slice(2);
const architectures = wanted.length > 0 ? wanted : Object.keys(targets);
const outcome = resolve(directory);
mkdirSync(outcome, { recursive: true });
const names = architectures.flatMap((architecture) => releaseFor(architecture));
writeFileSync(join(outcome, "SHA256SUMS"), names.map((name) => `${sha256(name)}  ${name}\n`).join(""));
console.log(readFileSync(join(outcome, "SHA256SUMS"), "utf8").trimEnd());

/** The names of the files that it made. */
function releaseFor(architecture: string): readonly string[] {
  const target = targets[architecture];
  if (target === undefined) {
    return fail(`no release is called ${architecture}; there are ${Object.keys(targets).join(", ")}`);
  }
  const name = `kiam-${manifest.version}-linux-${architecture}`;
  const executable = join(outcome, name);
  if (compileKiam({ outfile: executable, target }) !== 0) {
    return fail(`cannot compile for ${target}`);
  }
  const workshop = join(outcome, `.${name}`);
  const contents = join(workshop, name);
  mkdirSync(contents, { recursive: true });
  copyFileSync(executable, join(contents, "kiam"));
  chmodSync(join(contents, "kiam"), 0o755);
  for (const path of companions) {
    copyFileSync(join(root, path), join(contents, path.slice(path.lastIndexOf("/") + 1)));
  }
  writeFileSync(join(contents, "THIRD_PARTY_NOTICES"), notices());
  for (const file of readdirSync(contents)) {
    chmodSync(join(contents, file), file === "kiam" ? 0o755 : 0o644);
  }
  pack(workshop, name);
  rmSync(workshop, { recursive: true });
  return [name, `${name}.tar.gz`];
}

/** Without what differs from one run to the next: owners, times, the order of files, gzip's own time stamp. */
function pack(workshop: string, name: string): void {
  const constant = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", `--mtime=@${sourceDate()}`];
  const archive = join(outcome, `${name}.tar.gz`);
  const { success, stderr } = Bun.spawnSync(
    ["tar", ...constant, "--use-compress-program=gzip -n -3", "-cf", archive, "-C", workshop, name],
    { stdout: "inherit", stderr: "pipe" },
  );
  if (!success) {
    fail(`cannot pack ${archive}: ${stderr}`);
  }
}

/** The commit's, seconds since the Unix epoch; https://reproducible-builds.org/specs/source-date-epoch/ */
function sourceDate(): string {
  const git = ["git", "-c", `safe.directory=${root}`, "log", "-1", "--format=%ct"];
  const said = process.env["SOURCE_DATE_EPOCH"] ?? Bun.spawnSync(git, { cwd: root }).stdout.toString().trim();
  return /^\d+$/.test(said) ? said : "0";
}

function sha256(name: string): string {
  return createHash("sha256")
    .update(readFileSync(join(outcome, name)))
    .digest("hex");
}

function fail(reason: string): never {
  console.error(`release: ${reason}`);
  process.exit(1);
}
