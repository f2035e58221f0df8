import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { KiamOptions, KiamProcess } from "../lab/kiam.ts";
import type { Lab } from "../lab/lab.ts";
import type { LabNode } from "../lab/node.ts";
import type { Identity } from "../lab/pki.ts";
import type { LabProcess } from "../lab/process.ts";
import { tools } from "../lab/tools.ts";

/** A pod as a Go server is told of it. */
export interface GoPod {
  readonly ip: string;
  readonly role: string;
}

/** The Go release's servers and agents in a lab: programs of grpc-go that behave as they do. */
export interface GoFleet {
  /** Where the lab would start ours, with the same name. Resolves once it listens. */
  startServer(): Promise<KiamProcess>;
  /** With the redirect, which outlives it. Resolves once it listens. */
  startAgent(node: LabNode): Promise<KiamProcess>;
}

/** @param shared the certificate that all Go agents have, which names no node */
export async function createGoFleet(lab: Lab, shared: Identity, pods: readonly GoPod[]): Promise<GoFleet> {
  const podFile = join(lab.directory, "go-pods.json");
  await writeFile(podFile, JSON.stringify({ pods }));

  return {
    async startServer() {
      const launch = launchOf(
        (words) => lab.control.start("goserver", words),
        [tools.goFleet("goserver"), `--pods=${podFile}`],
        ["bind", "cert", "key", "ca", "role-base-arn", "sts-endpoint"],
      );
      return await listening(await lab.startServer({ launch }));
    },
    async startAgent(node) {
      const redirect = ["--iptables", "--host-interface=cali+", "--no-iptables-remove"];
      const launch = launchOf(
        (words) => node.netns.start("goagent", words),
        // Half a minute is grpc-go's own least time between two questions to DNS: a roll waits for it, a test need not.
        [tools.goFleet("goagent"), "serve", "--dns-min-interval=1s", ...redirect],
        ["host", "port", "server-address", "cert", "key", "ca"],
      );
      return await listening(await node.startAgent({ launch, identity: shared }));
    },
  };
}

/** Starts another program in kiam's place, with those of its flags that it has too. */
function launchOf(
  start: (argv: readonly string[]) => LabProcess,
  argv: readonly string[],
  flags: readonly string[],
): NonNullable<KiamOptions["launch"]> {
  const isShared = (word: string) => flags.some((flag) => word.startsWith(`--${flag}=`));
  return (_, words) => start([...argv, ...words.filter(isShared)]);
}

async function listening(process: KiamProcess): Promise<KiamProcess> {
  await process.waitForLog(/listening on/);
  return process;
}
