import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** An npm package that the executable is made of. */
export interface Package {
  readonly name: string;
  readonly version: string;
  /** As its package.json says it, an SPDX expression. */
  readonly license: string;
  /** What it says of its licence in files of its own; empty where it has none. */
  readonly texts: readonly string[];
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const licenseFile = /^(licen[cs]e|notice|copying|copyright)/i;

/** The production dependencies of the package in `root`, and theirs, by name. Throws where one is not installed. */
export function productionPackages(root: string): readonly Package[] {
  const found = new Map<string, Package>();
  const visit = (directory: string) => {
    const { dependencies, optionalDependencies } = readManifest(directory);
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const installed = locate(name, directory);
      if (!found.has(installed)) {
        found.set(installed, readPackage(installed));
        visit(installed);
      }
    }
  };
  visit(root);
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Where `import "name"` of a file in `from` leads to. */
function locate(name: string, from: string): string {
  const candidate = join(from, "node_modules", name);
  if (existsSync(join(candidate, "package.json"))) {
    return candidate;
  }
  if (dirname(from) === from) {
    throw new Error(`${name} is not installed: run bun install`);
  }
  return locate(name, dirname(from));
}

function readPackage(directory: string): Package {
  const { name, version, license = "" } = readManifest(directory);
  const texts = readdirSync(directory)
    .filter((file) => licenseFile.test(file))
    .sort()
    .map((file) => readFileSync(join(directory, file), "utf8").trim());
  return { name, version, license, texts };
}

function readManifest(directory: string): Manifest {
  return JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
}
