import type { BuildInfo } from "./build-info.ts";
import type { CommandIo } from "./io.ts";

export async function runVersion(_flags: unknown, io: Pick<CommandIo, "stdout" | "build">): Promise<number> {
  io.stdout(`${versionLine(io.build)}\n`);
  return 0;
}

/** Version, commit and Bun's version in one line. */
export function versionLine({ version, commit, bun }: BuildInfo): string {
  return `kiam ${version} (commit ${commit}, Bun ${bun})`;
}
