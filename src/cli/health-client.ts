import type { AskHealth } from "./health-check.ts";
import type { HealthFlags } from "./health-flags.ts";
import type { CommandIo } from "./io.ts";

export interface HealthClient extends AsyncDisposable {
  readonly ask: AskHealth;
}

/** Asks the server that the flags name over mutual TLS. @throws Error for keys that can't be used */
export async function openHealthClient(_flags: HealthFlags, _io: CommandIo): Promise<HealthClient> {
  throw new Error("kiam health has no RPC client yet");
}
