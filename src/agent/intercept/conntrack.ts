import type { RunCommand } from "../../runtime/command.ts";
import type { Family } from "./family.ts";
import { failure } from "./iptables.ts";

/** Rejects with `CommandMissing` where conntrack is not installed: better before anything is changed than after. */
export async function requireConntrack(run: RunCommand, signal: AbortSignal): Promise<void> {
  await run(["conntrack", "--version"], {}, signal);
}

/**
 * Makes the kernel forget connections that reach the real metadata service: their next packet is looked up in the nat table again,
 * and a pod's is led to the agent, which knows nothing of it and resets it. The node's own go on. Those already led to an agent
 * answer from its address and are left alone. Rejects with `InterceptError`.
 */
export async function cutConnections(family: Family, run: RunCommand, signal: AbortSignal): Promise<number> {
  const address = family.metadataAddress;
  const argv = ["conntrack", "-D", "-p", "tcp", "-d", address, "--orig-port-dst", "80", "-r", address];
  const { exitCode, stderr } = await run(argv, {}, signal);
  // conntrack exits with 1 also when there was nothing to delete.
  const deleted = /(\d+) flow entries have been deleted/.exec(stderr)?.[1];
  if (deleted === undefined) {
    throw failure(argv, exitCode, stderr);
  }
  return Number(deleted);
}
