import { statSync } from "node:fs";
import { cp, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { cacheDirectory, repository } from "../lab/tools.ts";
import type { Architecture } from "./archive.ts";
import { standIns } from "./base-images.ts";
import { cached, keepNewest, keyOf } from "./cached.ts";
import { readIngredients } from "./dockerfile.ts";
import { createPodman } from "./podman.ts";

export interface KiamImage {
  /** Path of a docker-archive, for `podman load` and `ctr image import`. Stays in the cache. */
  readonly archive: string;
  /** The name that it is imported under. */
  readonly reference: string;
  /** What the image says its commit is: a name for what it was built of. */
  readonly commit: string;
}

export interface ImageRequest {
  readonly reference?: string;
  readonly architecture?: Architecture;
  /** `build`: one that was built the same way will do, though kiam's sources were others. `sources` unless told. */
  readonly same?: "sources" | "build";
}

/** What decides how the image is built, and not what of. */
const recipe = /^(?:scripts\/|bun\.lock$|package\.json$)/;

/**
 * Builds the image from the Dockerfile, on stand-ins for its base images. Takes about half a minute, or no time when it was
 * built of the same files before; the first time on a machine some minutes.
 */
export async function buildKiamImage({
  reference = "localhost/kiam:e2e",
  architecture = "amd64",
  same = "sources",
}: ImageRequest = {}): Promise<KiamImage> {
  const cache = join(cacheDirectory, "image");
  const dockerfile = await readFile(join(repository, "Dockerfile"), "utf8");
  const files = await contextFiles();
  const decisive = files.filter((path) => same === "sources" || recipe.test(path));
  const contents = await Promise.all(decisive.map((path) => readFile(join(repository, path))));
  const commit = `e2e-${keyOf(dockerfile, decisive.join("\n"), ...contents)}`;

  const archive = join(cache, `kiam-${keyOf("1", commit, reference, architecture)}.tar`);
  await cached(archive, async (at, workshop) => {
    const bases = await standIns(readIngredients(dockerfile), architecture, cache);
    const context = join(workshop, "context");
    for (const path of ["Dockerfile", ".dockerignore", ...files]) {
      await cp(join(repository, path), join(context, path), { recursive: true });
    }
    await using podman = await createPodman();
    for (const base of bases) {
      await podman.must(["load", "--quiet", "--input", base], { timeoutMs: 120_000 });
    }
    await mkdir(join(workshop, "tmp"));
    await podman.must(
      [
        ...["build", "--isolation=chroot", "--network=host", "--pull=never", "--layers=false", "--quiet"],
        ...["--ulimit=nofile=1024:1024", "--ulimit=nproc=1000:1000"],
        ...[`--platform=linux/${architecture}`, "--build-arg=BUILDPLATFORM=linux/amd64"],
        ...[`--build-arg=KIAM_COMMIT=${commit}`, "--tag", reference, context],
      ],
      { env: { TMPDIR: join(workshop, "tmp") }, timeoutMs: 300_000 },
    );
    await podman.must(["save", "--quiet", "--format=docker-archive", "--output", at, reference], {
      timeoutMs: 120_000,
    });
  });
  await keepNewest(cache, "kiam-", keptImages);
  await keepNewest(cache, "bun-", 2);
  await keepNewest(cache, "debian-", 2);
  return { archive, reference, commit };
}

/** Of 140 MB each: for both architectures, for what is worked on and what is compared with it. */
const keptImages = 6;

/** What .dockerignore lets through, sorted. */
async function contextFiles(): Promise<readonly string[]> {
  const ignore = await readFile(join(repository, ".dockerignore"), "utf8");
  const kept = ignore.split("\n").flatMap((line) => (line.startsWith("!") ? [line.slice(1)] : []));
  const all = kept.flatMap((path) =>
    statSync(join(repository, path)).isFile()
      ? [path]
      : [...new Bun.Glob(`${path}/**`).scanSync({ cwd: repository, onlyFiles: true, dot: true })],
  );
  return all.sort();
}
