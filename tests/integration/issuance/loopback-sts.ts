import { startProgram } from "../../e2e/lab/process.ts";
import { type Sts, startSts } from "../../e2e/lab/sts.ts";
import { freePort } from "../../fixtures/free-port.ts";

/** {@link startSts} on the loopback of the test itself. */
export async function startLoopbackSts(): Promise<Sts> {
  return startSts({ start: startProgram, fetch }, "127.0.0.1", await freePort());
}
