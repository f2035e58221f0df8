import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { must } from "../lab/command.ts";
import { repository, tools } from "../lab/tools.ts";
import { type Architecture, writeArchive } from "./archive.ts";
import { cached, keyOf } from "./cached.ts";
import { type Debian, indexOf, openDebian, packagesIn, unpack } from "./debian.ts";
import type { Ingredients } from "./dockerfile.ts";

/**
 * Stand-ins for the images that the Dockerfile builds on, under their real names, made of packages because no container
 * registry is within reach. What they hold is what the Dockerfile uses of the real ones; apt's and Bun's downloads are in
 * them already, so that a build needs no network. Gives the paths of their archives, kept in `cache`.
 */
export async function standIns(
  ingredients: Ingredients,
  architecture: Architecture,
  cache: string,
): Promise<readonly string[]> {
  let opened: Promise<Debian> | undefined;
  const debian = () => {
    opened ??= openDebian(join(cache, "apt"));
    return opened;
  };
  return [
    await bunImage(ingredients.bun, cache, debian),
    await debianImage(ingredients, cache, debian),
    await distrolessImage(ingredients.base, architecture, cache, debian),
  ];
}

type Packages = () => Promise<Debian>;

const environment = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"];

/** Bun with a shell, and in Bun's cache what `bun install` and `bun build --target` fetch. */
async function bunImage(reference: string, cache: string, debian: Packages): Promise<string> {
  const lock = await readFile(join(repository, "bun.lock"));
  return cached(join(cache, `bun-${keyOf("1", reference, lock)}.tar`), async (at, workshop) => {
    const [root, packages, project] = [join(workshop, "root"), join(workshop, "packages"), join(workshop, "project")];
    const shell = ["dash", "coreutils", "libacl1", "libattr1", "libgmp10", "libpcre2-8-0", "libselinux1", "libc6"];
    await (await debian()).download(shell, packages);
    await unpack(packages, root);
    await mkdir(join(root, "tmp"), { mode: 0o1777 });
    await writeFile(join(root, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
    await cp(tools.bun(), join(root, "usr/local/bin/bun"), { recursive: true });
    const env = { HOME: project, BUN_INSTALL_CACHE_DIR: join(root, "root/.bun/install/cache") };
    const bun = (...words: readonly string[]) =>
      must(["env", `--chdir=${project}`, tools.bun(), ...words], {
        env: { ...inherited(), ...env },
        timeoutMs: 300_000,
      });
    await mkdir(project);
    for (const file of ["package.json", "bun.lock"]) {
      await cp(join(repository, file), join(project, file));
    }
    await bun("install", "--frozen-lockfile", "--production", "--ignore-scripts");
    await writeFile(join(project, "empty.ts"), "");
    for (const target of ["bun-linux-x64-baseline", "bun-linux-arm64"]) {
      await bun("build", "--compile", `--target=${target}`, "--outfile=empty", "empty.ts");
    }
    await writeArchive(at, { reference, architecture: "amd64", root, environment }, join(workshop, "image"));
  });
}

/** Debian with a repository inside that has the packages the agent's programs come from, for both architectures. */
async function debianImage(
  { debian: reference, packages }: Ingredients,
  cache: string,
  debian: Packages,
): Promise<string> {
  return cached(join(cache, `debian-${keyOf("1", reference, ...packages)}.tar`), async (at, workshop) => {
    const root = join(workshop, "root");
    const sources = await debian();
    await sources.bootstrap(root);
    const shelf = join(root, "srv/packages");
    await sources.download(
      packages.flatMap((name) => [`${name}:amd64`, `${name}:arm64`]),
      shelf,
    );
    await writeFile(join(shelf, "Packages"), await indexOf(shelf));
    await writeFile(join(root, "etc/apt/sources.list"), "deb [trusted=yes allow-insecure=yes] file:/srv/packages ./\n");
    await must(["sh", "-c", `rm -rf "$1"/var/cache/apt/archives/*.deb "$1"/usr/share/locale/*`, "sh", root]);
    await writeArchive(at, { reference, architecture: "amd64", root, environment }, join(workshop, "image"));
  });
}

/** https://github.com/GoogleContainerTools/distroless/tree/main/base: unpacked packages, users, certificates, no programs. */
async function distrolessImage(
  reference: string,
  architecture: Architecture,
  cache: string,
  debian: Packages,
): Promise<string> {
  return cached(join(cache, `distroless-${architecture}-${keyOf("1", reference)}.tar`), async (at, workshop) => {
    const [root, packages, authorities] = [join(workshop, "root"), join(workshop, "packages"), join(workshop, "ca")];
    const all = [`base-files:${architecture}`, `libc6:${architecture}`, "media-types", "netbase", "tzdata"];
    await (await debian()).download(all, packages);
    await (await debian()).download(["ca-certificates"], authorities);
    await unpack(packages, root);
    await unpack(authorities, join(workshop, "ca-root"));
    const status = join(root, "var/lib/dpkg/status.d");
    await mkdir(status, { recursive: true });
    for (const path of await packagesIn(packages)) {
      const name = (await must(["dpkg-deb", "--field", path, "Package"])).trim();
      await writeFile(join(status, name), await must(["dpkg-deb", "--field", path]));
    }
    await mkdir(join(root, "etc/ssl/certs"), { recursive: true });
    await must([
      "sh",
      "-c",
      'cat "$1"/usr/share/ca-certificates/mozilla/*.crt >"$2"',
      "sh",
      ...[join(workshop, "ca-root"), join(root, "etc/ssl/certs/ca-certificates.crt")],
    ]);
    const users = [
      ["root", 0, "/root"],
      ["nobody", 65_534, "/nonexistent"],
      ["nonroot", 65_532, "/home/nonroot"],
    ] as const;
    const lines = (line: (user: (typeof users)[number]) => string) => `${users.map(line).join("\n")}\n`;
    await writeFile(
      join(root, "etc/passwd"),
      lines(([name, id, home]) => `${name}:x:${id}:${id}:${name}:${home}:/sbin/nologin`),
    );
    await writeFile(
      join(root, "etc/group"),
      lines(([name, id]) => `${name}:x:${id}:`),
    );
    await must(["install", "-d", "-m", "1777", join(root, "tmp")]);
    await must(["install", "-d", "-m", "700", "-o", "65532", "-g", "65532", join(root, "home/nonroot")]);
    const variables = [...environment, "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"];
    await writeArchive(at, { reference, architecture, root, environment: variables }, join(workshop, "image"));
  });
}

/** How this machine's package registries are reached is in its environment. */
function inherited(): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
