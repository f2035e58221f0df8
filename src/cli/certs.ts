import type { CertsFlags } from "./certs-flags.ts";
import type { CommandIo } from "./io.ts";

export async function runCerts(_flags: CertsFlags, _io: CommandIo): Promise<number> {
  throw new Error("kiam certs is not built yet");
}
