import type { RunCommand } from "../../runtime/command.ts";
import type { Family } from "./family.ts";
import { failure } from "./iptables.ts";

/** Rejects with `CommandMissing` where conntrack is not installed: better before anything is changed than after. */
export async function requireConntrack(run: RunCommand, signal: AbortSignal): Promise<void> {
  await run(["conntrack", "--version"], {}, signal);
}

/** Each pass meets half of the connections that are busy just then, at the least. */
const mostPasses = 10;

/**
 * Makes the kernel forget connections that go to the real metadata service: their next packet is looked up in the nat table again,
 * and a pod's is led to the agent, which knows nothing of it and resets it. The node's own go on, and so do those that lead
 * to an agent already. Answers how many. Rejects with `InterceptError`.
 */
export async function cutConnections(family: Family, run: RunCommand, signal: AbortSignal): Promise<number> {
  const address = family.metadataAddress;
  const toIt = ["-d", address, "--orig-port-dst", "80", "-r", address];
  // A reply that comes after the deletion is taken for the first packet of a connection that begins at the other end.
  const fromIt = ["-s", address, "--orig-port-src", "80"];
  let cut = 0;
  for (let pass = 0; pass < mostPasses; pass += 1) {
    const counts = await Promise.all([toIt, fromIt].map((flows) => deleteFlows(flows, run, signal)));
    if (counts.every((count) => count === 0)) {
      break;
    }
    cut += counts.reduce((sum, count) => sum + count, 0);
  }
  return cut;
}

async function deleteFlows(flows: readonly string[], run: RunCommand, signal: AbortSignal): Promise<number> {
  const argv = ["conntrack", "-D", "-p", "tcp", ...flows];
  const { exitCode, stderr } = await run(argv, {}, signal);
  // conntrack exits with 1 also when there was nothing to delete.
  const deleted = /(\d+) flow entries have been deleted/.exec(stderr)?.[1];
  if (deleted === undefined) {
    throw failure(argv, exitCode, stderr);
  }
  return Number(deleted);
}
