import type { Fault } from "../../fakes/sts-faults/fault.ts";
import type { Lab } from "./lab.ts";
import type { LabProcess } from "./process.ts";
import { tools } from "./tools.ts";

/** Stands before the lab's STS and does to requests what a test says. */
export interface LabStsFaults extends AsyncDisposable {
  /** For a server's `--sts-endpoint`. */
  readonly endpoint: string;
  readonly process: LabProcess;
  /** What becomes of each request from now on; all pass at first. */
  set(fault: Fault): Promise<void>;
  /** How many there were, retries included. */
  requests(): Promise<number>;
}

const port = 4580;

export async function startStsFaults(lab: Pick<Lab, "sts" | "control">): Promise<LabStsFaults> {
  const { hostname } = new URL(lab.sts.endpoint);
  const program = new URL("sts-fault-program.ts", import.meta.url).pathname;
  const process = lab.control.start("STS's faults", [tools.bun(), program, hostname, String(port), lab.sts.endpoint]);
  await process.waitForLog(/listening/);
  const control = `http://${hostname}:${port + 1}/`;
  return {
    endpoint: `http://${hostname}:${port}`,
    process,
    async set(fault) {
      await lab.control.fetch(control, { method: "PUT", body: JSON.stringify(fault) });
    },
    async requests() {
      const { requests }: { readonly requests: number } = JSON.parse(await (await lab.control.fetch(control)).text());
      return requests;
    },
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
  };
}
