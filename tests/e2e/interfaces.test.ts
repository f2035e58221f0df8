import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createNetns, type Netns, removeAbandoned } from "./lab/netns.ts";
import { createAuthority, type Identity } from "./lab/pki.ts";
import { repository, tools } from "./lab/tools.ts";

/** What the README's table of interfaces tells operators to say. */
const patterns = interfacesOf(await readFile(join(repository, "README.md"), "utf8"));

/** One interface for each pattern, as its network would name one, and one that no pattern but an inverted one means. */
const interfaces = [...new Set([...patterns.map(exampleOf), "ens5"])];
const bridges = new Set(["cni0", "cbr0", "weave", "kube-bridge", "docker0"]);

/** In the node's namespace: what stands for the real metadata service. */
const answering = `
Bun.serve({ hostname: "169.254.169.254", port: 80, fetch: () => new Response("the node's own") });
console.log("listening");
`;

interface Pod {
  /** The node's interface that its packets come in by. */
  readonly device: string;
  readonly netns: Netns;
}

let undo: AsyncDisposableStack;
let node: Netns;
let identity: Identity;
let pods: readonly Pod[];

beforeAll(async () => {
  await removeAbandoned();
  undo = new AsyncDisposableStack();
  const prefix = `kiam-${process.pid}-if`;
  const directory = await mkdtemp(join(tmpdir(), `${prefix}-`));
  undo.defer(() => rm(directory, { recursive: true }));
  node = undo.use(await createNetns(`${prefix}-node`, directory));
  await node.must(["ip", "address", "add", "169.254.169.254/32", "dev", "lo"]);
  const answers = undo.use(node.start("answers", [tools.bun(), "-e", answering], { disposeSignal: "SIGKILL" }));
  await answers.waitForLog(/listening/);
  const authority = await createAuthority(join(directory, "pki"), "interfaces");
  identity = await authority.issue({ commonName: "kiam-agent", usage: "clientAuth" });
  pods = await Promise.all(
    interfaces.map(async (device, index) => {
      const netns = undo.use(await createNetns(`${prefix}-${index}`, directory));
      await plug(netns, device, index);
      return { device, netns };
    }),
  );
});
afterAll(() => undo.disposeAsync());

test("without an agent every pod reads the node's own metadata", async () => {
  expect(await readings()).toEqual(interfaces.map((device) => `${device}: node`));
});

test("the table names the interfaces of the networks that there are", () => {
  const known = ["cali+", "eni+", "!eth0", "cni0", "cbr0", "weave", "lxc+", "veth+", "kube-bridge", "tunl0", "docker0"];

  expect(patterns).toEqual(expect.arrayContaining(known));
  expect(patterns.filter((pattern) => !means(pattern, exampleOf(pattern)) && !pattern.startsWith("!"))).toEqual([]);
});

describe.each(patterns)("--iptables=%s", (pattern) => {
  test("redirects the pods behind such interfaces and leaves all others alone", async () => {
    await using agent = startAgent([`--iptables=${pattern}`]);
    await agent.waitForLog(/kiam agent starts/);

    expect(await readings()).toEqual(
      interfaces.map((device) => `${device}: ${means(pattern, device) ? "agent" : "node"}`),
    );
  });
});

test("bare --iptables redirects by --host-interface, whose default is docker0", async () => {
  const redirected = async (words: readonly string[]) => {
    await using agent = startAgent(words);
    await agent.waitForLog(/kiam agent starts/);
    return (await readings()).filter((reading) => reading.endsWith("agent"));
  };

  expect(await redirected(["--iptables"])).toEqual(["docker0: agent"]);
  expect(await redirected(["--iptables", "--host-interface=weave"])).toEqual(["weave: agent"]);
});

/** The first pattern of each row and its alternatives. */
function interfacesOf(readme: string): readonly string[] {
  const [, section = ""] = readme.split("### Which interface?\n");
  const rows = section.split("\n#")[0]?.matchAll(/^\| [^|`]+ \| (`[^|]+) \|$/gm) ?? [];
  return [...rows].flatMap(([, cell = ""]) => [...cell.matchAll(/`([^`]+)`/g)].map(([, pattern = ""]) => pattern));
}

function exampleOf(pattern: string): string {
  return pattern.replace(/^!/, "").replace(/\+$/, "0a1b2c3");
}

/** As iptables reads it. */
function means(pattern: string, device: string): boolean {
  const name = pattern.replace(/^!/, "");
  const same = name.endsWith("+") ? device.startsWith(name.slice(0, -1)) : device === name;
  return same !== pattern.startsWith("!");
}

/** Joins a pod with the node, by a bridge of that name where its network has one, else by a veth. */
async function plug(pod: Netns, device: string, index: number): Promise<void> {
  const isBridge = bridges.has(device);
  const port = isBridge ? `port${index}` : device;
  await pod.must(["ip", "link", "add", "eth0", "type", "veth", "peer", "name", port, "netns", node.name]);
  if (isBridge) {
    await node.must(["ip", "link", "add", "name", device, "type", "bridge"]);
    await node.must(["ip", "link", "set", port, "master", device, "up"]);
  }
  await node.must(["ip", "address", "add", `10.201.${index}.1/24`, "dev", device]);
  await node.must(["ip", "link", "set", device, "up"]);
  await pod.must(["ip", "address", "add", `10.201.${index}.2/24`, "dev", "eth0"]);
  await pod.must(["ip", "link", "set", "eth0", "up"]);
  await pod.must(["ip", "route", "add", "default", "via", `10.201.${index}.1`]);
}

/** A compiled agent without a server: it answers what it is asked, with 503. */
function startAgent(words: readonly string[]) {
  const { cert, key, ca } = identity;
  const files = [`--cert=${cert}`, `--key=${key}`, `--ca=${ca}`];
  const place = ["--host=10.201.0.1", "--server-address=127.0.0.1:1", "--node-name=node"];
  return node.start("agent", [tools.kiam(), "agent", ...files, ...place, ...words]);
}

/** Who answers the pods: `<interface>: agent`, or `<interface>: node` for the metadata service. */
async function readings(): Promise<readonly string[]> {
  return Promise.all(
    pods.map(async ({ device, netns }) => {
      const response = await netns.fetch("http://169.254.169.254/latest/meta-data/ami-id");
      const body = await response.text();
      return `${device}: ${body === "the node's own" ? "node" : agentAnswer(response)}`;
    }),
  );
}

function agentAnswer({ status, headers }: Response): string {
  return headers.get("server") === "kiam" ? "agent" : `HTTP ${status}`;
}
