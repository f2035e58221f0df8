import type { CommandResult } from "../../../src/runtime/command.ts";
import type { Lab } from "../lab/lab.ts";
import type { LabNode } from "../lab/node.ts";
import { tools } from "../lab/tools.ts";

export type Command = "agent" | "server" | "health";

/** Flags without their dashes; `undefined` leaves out one that would be given. */
export type Flags = Readonly<Record<string, string | undefined>>;

/** Runs commands on a node as a person would, with flags that would do, but for those that the test makes wrong. */
export interface Commands {
  /** To the end, which has to come within 15 s. */
  run(command: Command, wrong: Flags, more?: readonly string[]): Promise<CommandResult>;
  /** The same where PATH names no program. */
  runWithoutPrograms(command: Command): Promise<CommandResult>;
  /** The node's NAT rules. */
  natRules(): Promise<string>;
}

export async function createCommands(lab: Lab, node: LabNode): Promise<Commands> {
  const [agent, serving, { kubeconfig }] = await Promise.all([
    lab.nodeCertificate(node.name),
    lab.authority.issue({ commonName: "kiam-server", names: ["DNS:kiam-server"], usage: "serverAuth,clientAuth" }),
    lab.serverAccount(),
  ]);
  const good: Readonly<Record<Command, Flags>> = {
    agent: {
      ...agent,
      ...{ iptables: "cali+", host: node.address, port: "3100", "server-address": "kiam-server:9610" },
      ...{ "node-name": node.name, "prometheus-listen-addr": `${node.address}:9620` },
    },
    server: {
      ...serving,
      ...{ bind: `${node.address}:9610`, kubeconfig, "role-base-arn": lab.roleBaseArn },
      ...{ "sts-endpoint": lab.sts.endpoint, "prometheus-listen-addr": `${node.address}:9621` },
    },
    health: { ...agent, "server-address": "kiam-server:9610" },
  };
  const env = { AWS_ACCESS_KEY_ID: "AKIALABSERVER0000000", AWS_SECRET_ACCESS_KEY: "lab" };
  const wordsOf = (command: Command, wrong: Flags) =>
    Object.entries({ ...good[command], ...wrong }).flatMap(([name, value]) =>
      value === undefined ? [] : [`--${name}=${value}`],
    );

  return {
    run: (command, wrong, more = []) =>
      node.netns.run([tools.kiam(), command, ...wordsOf(command, wrong), ...more], { env, timeoutMs: 15_000 }),
    runWithoutPrograms: (command) =>
      node.netns.run(["env", "PATH=/nowhere", tools.kiam(), command, ...wordsOf(command, {})], { env }),
    async natRules() {
      const rules = await node.netns.must(["iptables-save", "-t", "nat"]);
      return rules.replace(/^#.*\n| \[\d+:\d+\]$/gm, ""); // The time of day, and counts of packets.
    },
  };
}
