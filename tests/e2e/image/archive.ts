import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { must } from "../lab/command.ts";

/** Of Debian and of container images. */
export type Architecture = "amd64" | "arm64";

export interface ImageContents {
  /** `registry/name:tag`. */
  readonly reference: string;
  readonly architecture: Architecture;
  /** The directory that becomes its only layer. */
  readonly root: string;
  readonly entrypoint?: readonly string[];
  /** `NAME=value`. */
  readonly environment?: readonly string[];
}

/**
 * Writes an image of one layer as `docker save` does, for `podman load` and `ctr images import`. Needs no daemon and no
 * registry. @param workshop a directory that is not there yet
 */
export async function writeArchive(
  path: string,
  { reference, architecture, root, entrypoint = [], environment = [] }: ImageContents,
  workshop: string,
): Promise<void> {
  await mkdir(workshop, { recursive: true });
  const layer = join(workshop, "layer.tar");
  await must(["tar", "--create", "--file", layer, "--numeric-owner", "--directory", root, "."]);
  const config = JSON.stringify({
    architecture,
    os: "linux",
    config: { Entrypoint: entrypoint, Env: environment },
    rootfs: { type: "layers", diff_ids: [`sha256:${await sha256(layer)}`] },
  });
  const name = `${createHash("sha256").update(config).digest("hex")}.json`;
  await writeFile(join(workshop, name), config);
  const manifest = [{ Config: name, RepoTags: [reference], Layers: ["layer.tar"] }];
  await writeFile(join(workshop, "manifest.json"), JSON.stringify(manifest));
  await must(["tar", "--create", "--file", path, "--directory", workshop, name, "layer.tar", "manifest.json"]);
}

async function sha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) {
    hash.update(chunk);
  }
  return hash.digest("hex");
}
