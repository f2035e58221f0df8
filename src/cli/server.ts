import type { CommandIo } from "./io.ts";
import type { ServerFlags } from "./server-flags.ts";

export async function runServer(_flags: ServerFlags, _io: CommandIo): Promise<number> {
  throw new Error("kiam server is not built yet");
}
