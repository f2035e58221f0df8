import type { AgentFlags } from "./agent-flags.ts";
import type { CommandIo } from "./io.ts";

export async function runAgent(_flags: AgentFlags, _io: CommandIo): Promise<number> {
  throw new Error("kiam agent is not built yet");
}
