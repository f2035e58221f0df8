import { join } from "node:path";
import type { Launch } from "../lab/kiam.ts";
import { startProgram } from "../lab/process.ts";
import type { Podman } from "./podman.ts";

export interface Container {
  readonly podman: Podman;
  readonly image: string;
  /** The network namespace that it joins. */
  readonly netns: string;
  /** `uid` or `uid:gid`. */
  readonly user: string;
  /** Capabilities that are left when all are dropped. */
  readonly capabilities: readonly string[];
  /** Directories that it can read at the paths they have outside, and `outside:inside` for others. */
  readonly mounts: readonly string[];
}

/** `podman run` with nothing but what is listed: a root file system that nobody writes to, no privileges, no way to gain any. */
export function confined(container: Container, env: Readonly<Record<string, string>> = {}): readonly string[] {
  const { podman, image, netns, user, capabilities, mounts } = container;
  return [
    ...[...podman.argv, "run", "--rm", "--pull=never", "--log-driver=none", "--read-only", "--read-only-tmpfs=false"],
    ...["--cap-drop=ALL", ...capabilities.map((name) => `--cap-add=${name}`), "--security-opt=no-new-privileges"],
    ...["--ulimit=nofile=1024:1024", "--ulimit=nproc=1000:1000", `--user=${user}`],
    // The names of the lab's DNS.
    ...[`--network=ns:${join("/run/netns", netns)}`, "--no-hosts", `--volume=/etc/netns/${netns}/hosts:/etc/hosts:ro`],
    ...mounts.map((mount) => `--volume=${mount.includes(":") ? mount : `${mount}:${mount}:ro`}`),
    ...Object.entries(env).map(([name, value]) => `--env=${name}=${value}`),
    image,
  ];
}

/** Starts `kiam` from an image. */
export function fromImage(container: Container): Launch {
  return (name, words, env) => startProgram(name, [...confined(container, env), ...words]);
}
