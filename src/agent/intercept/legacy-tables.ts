import type { Family } from "./family.ts";

/** The legacy tables that the kernel has loaded. */
export async function loadedLegacyTables(
  family: Family,
  readText: (path: string) => Promise<string>,
): Promise<readonly string[]> {
  try {
    return (await readText(family.legacyTablesFile)).split("\n").filter((name) => name !== "");
  } catch {
    // The kernel was built without them.
    return [];
  }
}
