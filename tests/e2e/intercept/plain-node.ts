import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Family } from "../../../src/agent/intercept/family.ts";
import { must } from "../lab/command.ts";
import { createNetns, type Netns } from "../lab/netns.ts";
import { tools } from "../lab/tools.ts";
import { metadataOf, type Side, sides } from "./side.ts";

/**
 * A node's namespace with pods behind it, and in it what stands for the real metadata service ("canary"), for the agent
 * on port 3100 ("agent"), and for somebody else on port 3999 ("elsewhere"). No server, no API, no kiam.
 */
export interface PlainNode extends AsyncDisposable {
  readonly netns: Netns;
  /** For a test's files. */
  readonly directory: string;
  /** Behind `cali0123456789`. */
  readonly pod: Netns;
  /** Behind `other0`. */
  readonly stranger: Netns;
  /** A pod more, whose interface comes up now. */
  plugLater(nodeEnd: string): Promise<Netns>;
  /** Who answers when the metadata service is asked. Throws where nobody does. */
  ask(from: Netns, side: Side): Promise<string>;
  /** What iptables-save prints. */
  save(side: Side, backend: string): Promise<string>;
  /** Empties the tables of both back ends, marks one as that in use, and gives it these rules of its nat table. */
  reset(
    side: Side,
    backends: { readonly marked: string; readonly empty: string },
    rules?: readonly string[],
  ): Promise<void>;
  /** The rules of PREROUTING in the nat table, as `-S` prints them. */
  prerouting(side: Side, backend: string): Promise<readonly string[]>;
  /** Runs iptables, one command after the other. */
  iptables(side: Side, backend: string, ...commands: readonly string[]): Promise<void>;
}

const answering = `
const say = (hostname, port, text) => Bun.serve({ hostname, port, fetch: () => new Response(text) });
say("169.254.169.254", 80, "canary");
say("fd00:ec2::254", 80, "canary");
say("::", 3100, "agent");
say("::", 3999, "elsewhere");
console.log("listening");
`;

export async function createPlainNode(label: string): Promise<PlainNode> {
  await using undo = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "kiam-"));
  undo.defer(() => rm(directory, { recursive: true }));
  const guests = undo.use(new AsyncDisposableStack());
  const create = async (name: string) =>
    guests.use(await createNetns(`kiam-${process.pid}-${label}-${name}`, directory));
  const node = await create("node");
  for (const { family } of Object.values(sides)) {
    await node.must(["ip", "address", "add", family.metadataNetwork, "dev", "lo", ...atOnce(family)]);
  }
  const plug = async (name: string, nodeEnd: string, network: number) => {
    const one = await create(name);
    await plugIn(node, one, nodeEnd, network);
    return one;
  };
  const pod = await plug("pod", "cali0123456789", 0);
  const stranger = await plug("stranger", "other0", 1);
  const answers = undo.use(node.start("answers", [tools.bun(), "-e", answering], { disposeSignal: "SIGKILL" }));
  await answers.waitForLog(/listening/);
  const made = undo.move();
  let later = 1;

  return {
    netns: node,
    directory,
    pod,
    stranger,
    plugLater(nodeEnd) {
      later += 1;
      return plug(`later${later}`, nodeEnd, later);
    },
    async ask(from, side) {
      return (await from.fetch(metadataOf(side))).text();
    },
    save: (side, backend) => node.must([`${side.family.program}-${backend}-save`]),
    async reset({ family }, { marked, empty }, rules = []) {
      const restore = (backend: string, mangle: readonly string[], nat: readonly string[]) => {
        const lines = ["*mangle", ...mangle, "COMMIT", "*nat", ...nat, "COMMIT", "*filter", "COMMIT", ""];
        return node.must([`${family.program}-${backend}-restore`, "--wait", "5"], { stdin: lines.join("\n") });
      };
      await restore(marked, [":KUBE-KUBELET-CANARY - [0:0]"], rules);
      await restore(empty, [], []);
    },
    async prerouting({ family }, backend) {
      const printed = await node.must([`${family.program}-${backend}`, "-w", "-t", "nat", "-S", "PREROUTING"]);
      return printed.split("\n").filter((line) => line.startsWith("-A "));
    },
    async iptables(side, backend, ...commands) {
      for (const command of commands) {
        await node.must([`${side.family.program}-${backend}`, "-w", ...command.split(" ")]);
      }
    },
    [Symbol.asyncDispose]: () => made.disposeAsync(),
  };
}

/** Joins a pod's namespace with the node's, whose end of the pair has the name given. */
async function plugIn(node: Netns, one: Netns, nodeEnd: string, network: number): Promise<void> {
  const pair = ["link", "add", nodeEnd, "type", "veth", "peer", "name", "eth0", "netns", one.name];
  await must(["ip", "-n", node.name, ...pair]);
  await node.must(["ip", "link", "set", nodeEnd, "up"]);
  await one.must(["ip", "link", "set", "eth0", "up"]);
  for (const { family, addressOf, prefixLength } of Object.values(sides)) {
    const [nodeAddress, ownAddress] = [addressOf(network, 1), addressOf(network, 2)];
    await node.must(["ip", "address", "add", `${nodeAddress}/${prefixLength}`, "dev", nodeEnd, ...atOnce(family)]);
    await one.must(["ip", "address", "add", `${ownAddress}/${prefixLength}`, "dev", "eth0", ...atOnce(family)]);
    await one.must(["ip", "route", "add", "default", "via", nodeAddress]);
  }
}

/** What makes an address usable from the moment on that it is given. */
function atOnce({ name }: Family): readonly string[] {
  return name === "IPv6" ? ["nodad"] : [];
}
