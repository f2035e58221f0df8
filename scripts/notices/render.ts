import type { Package } from "./packages.ts";

/** What the executable carries besides npm packages. */
export interface Runtime {
  readonly version: string;
  /** What it is made of and under which licences. */
  readonly notice: string;
  /** The licences that the notice names, in full. */
  readonly licenses: readonly string[];
}

const line = "=".repeat(80);

/**
 * The notices that go with the executable: each licence's text once, under the names of those that carry it.
 * Throws where a package carries none and `lacking` has none for it.
 * @param lacking what packages without a licence file are under, by name or by SPDX id
 */
export function renderNotices(
  packages: readonly Package[],
  runtime: Runtime,
  lacking: Readonly<Record<string, readonly string[]>>,
): string {
  const holders = new Map<string, string[]>();
  for (const { name, version, license, texts } of packages) {
    const label = `${name} ${version} (${license})`;
    const found = texts.length > 0 ? texts : (lacking[name] ?? lacking[license] ?? []);
    if (found.length === 0) {
      throw new Error(`${name} (${license}) has no licence file: scripts/notices.ts has to say what it is under`);
    }
    for (const text of found) {
      holders.set(text, [...(holders.get(text) ?? []), label]);
    }
  }
  return [
    "kiam is licensed under the Apache License 2.0 (LICENSE). Its executable carries what follows.",
    section([`Bun ${runtime.version}`], runtime.notice),
    ...runtime.licenses.map((text) => section([`Of Bun ${runtime.version}`], text)),
    ...[...holders].map(([text, names]) => section(names, text)),
  ].join("\n");
}

function section(names: readonly string[], text: string): string {
  return `${line}\n${names.join("\n")}\n${line}\n\n${text.trim()}\n`;
}
