import { readFile } from "node:fs/promises";
import { reasonOf } from "../../runtime/logger.ts";
import { type ManifestObjects, type Manifests, readManifests } from "./manifests.ts";

/** Where manifests come from. */
export interface DevSources {
  /** All of them, or the first mistake in one line. */
  read(): Promise<Manifests>;
}

/** The files, or where there are none the built-in example. */
export function devSources(files: readonly string[], example: string): DevSources {
  return {
    async read() {
      if (files.length === 0) {
        return readManifests(example, "the built-in example");
      }
      const all: ManifestObjects[] = [];
      for (const file of files) {
        const manifests = await readOne(file);
        if (manifests.kind === "mistake") {
          return manifests;
        }
        all.push(manifests);
      }
      return {
        kind: "read",
        pods: all.flatMap(({ pods }) => pods),
        namespaces: all.flatMap(({ namespaces }) => namespaces),
        leftOut: all.flatMap(({ leftOut }) => leftOut),
      };
    },
  };
}

async function readOne(file: string): Promise<Manifests> {
  try {
    return readManifests(await readFile(file, "utf8"), file);
  } catch (error) {
    return { kind: "mistake", problem: `${file}: ${reasonOf(error)}` };
  }
}
