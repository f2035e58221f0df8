import type { DevFlags } from "./dev-flags.ts";
import type { CommandIo } from "./io.ts";

export async function runDev(_flags: DevFlags, _io: CommandIo): Promise<number> {
  throw new Error("kiam dev is not built yet");
}
