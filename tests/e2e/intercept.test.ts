import { afterAll, beforeAll, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ipv4 } from "../../src/agent/intercept/family.ts";
import { guardRedirects } from "../../src/agent/intercept/guard.ts";
import { parseInterfacePattern } from "../../src/agent/intercept/interface.ts";
import { installRedirect, type RedirectOptions } from "../../src/agent/intercept/redirect.ts";
import type { Fate } from "../../src/agent/intercept/rules.ts";
import { type IpAddress, parseIpAddress } from "../../src/domain/ip-address.ts";
import { neverAborted } from "../../src/runtime/abort.ts";
import { type RunCommand, runCommand } from "../../src/runtime/command.ts";
import { createFakeClock } from "../fakes/clock.ts";
import { createRecordingLogger } from "../fakes/recording-logger.ts";
import { inNamespace, must } from "./lab/command.ts";
import { createNetns, type Netns } from "./lab/netns.ts";
import { searchPath, tools } from "./lab/tools.ts";

/** In the node's namespace: what stands for the real metadata service, and what stands for the agent. */
const answering = `
const say = (hostname, port, text) => Bun.serve({ hostname, port, fetch: () => new Response(text) });
say("169.254.169.254", 80, "canary");
say("0.0.0.0", 3100, "agent");
console.log("listening");
`;

const keepAsking = new URL("./pods/keep-asking.mjs", import.meta.url).pathname;

/** In a pod: asks once and keeps the connection. */
const holdingAConnection = `
const socket = require("node:net").connect(80, "169.254.169.254");
socket.on("connect", () => socket.write("GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n"));
socket.on("data", (data) => console.log(String(data)));
`;

// Longer than the waits inside, which say what did not come.
setDefaultTimeout(60_000);

let undo: AsyncDisposableStack;
let node: Netns;
let pod: Netns;
let stranger: Netns;

beforeAll(async () => {
  undo = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "kiam-"));
  undo.defer(() => rm(directory, { recursive: true }));
  const netns = async (label: string) =>
    undo.use(await createNetns(`kiam-${process.pid}-intercept-${label}`, directory));
  node = await netns("node");
  pod = await netns("pod");
  stranger = await netns("stranger");
  await node.must(["ip", "address", "add", "169.254.169.254/32", "dev", "lo"]);
  await plug(pod, "cali0123456789", "10.200.0");
  await plug(stranger, "other0", "10.201.0");
  const answers = undo.use(node.start("answers", [tools.bun(), "-e", answering], { disposeSignal: "SIGKILL" }));
  await answers.waitForLog(/listening/);
});

afterAll(() => undo.disposeAsync());

describe.each(["nft", "legacy"] as const)("with the %s back end in use", (backend) => {
  const other = backend === "nft" ? "legacy" : "nft";
  const theirs = "-A PREROUTING -d 192.0.2.1/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 192.0.2.2:80";

  beforeEach(async () => {
    const marked = `*mangle\n:KUBE-KUBELET-CANARY - [0:0]\nCOMMIT\n*nat\n${theirs}\nCOMMIT\n`;
    await node.must([`iptables-${backend}-restore`, "--wait", "5"], { stdin: marked });
    await node.must([`iptables-${other}-restore`, "--wait", "5"], { stdin: "*mangle\nCOMMIT\n*nat\nCOMMIT\n" });
  });

  test("without the redirect the pod reads the node's metadata", async () => {
    expect(await ask(pod)).toBe("canary");
  });

  test("pods' calls lead to the agent, others' and the node's own do not, until it is removed", async () => {
    const redirect = await install();
    expect(await redirect.check(neverAborted())).toEqual({ kind: "in-force", packets: 0 });
    expect(await ask(pod)).toBe("agent");
    expect(await ask(stranger)).toBe("canary");
    expect(await ask(node)).toBe("canary");
    expect(await redirect.check(neverAborted())).toEqual({ kind: "in-force", packets: 1 });

    await redirect[Symbol.asyncDispose]();

    expect(await ask(pod)).toBe("canary");
    expect(await rules(backend)).toEqual([theirs]);
    expect(await node.must([`iptables-${backend}-save`])).not.toContain("KIAM");
  });

  test("an inverted interface means all the others", async () => {
    await using _ = await install({ pods: "!other0" });

    expect(await ask(pod)).toBe("agent");
    expect(await ask(stranger)).toBe("canary");
  });

  test("installed twice it stands there once, and the first does not remove the second's", async () => {
    const crashed = await install({ port: 3999 });
    await using _ = await install();

    expect(await rules(backend)).toHaveLength(2);
    await crashed[Symbol.asyncDispose]();
    expect(await rules(backend)).toHaveLength(2);
    expect(await ask(pod)).toBe("agent");
  });

  test.each([backend, other])("what the Go release left in %s is taken over", async (where) => {
    const left =
      "-A PREROUTING -p tcp -d 169.254.169.254/32 --dport 80 -j DNAT --to-destination 10.200.0.1:8181 -i cali+";
    await iptables(where, left);

    await using _ = await install();

    expect(await ask(pod)).toBe("agent");
    expect((await rules("nft")).concat(await rules("legacy")).filter((rule) => rule.includes("8181"))).toEqual([]);
  });

  test("what a crashed agent left in the other back end is taken over", async () => {
    await node.must([`iptables-${other}-restore`, "--noflush"], {
      stdin:
        "*nat\n:KIAM-METADATA - [0:0]\n-A KIAM-METADATA -p tcp -j DNAT --to-destination 10.200.0.1:8181\n-A PREROUTING -i cali+ -j KIAM-METADATA\nCOMMIT\n",
    });

    await using _ = await install();

    expect(await ask(pod)).toBe("agent");
    expect(await node.must([`iptables-${other}-save`])).not.toContain("KIAM");
  });

  test("it is kept when asked for, and taken over by the next agent", async () => {
    const kept = await install({ atExit: "keep" });

    await kept[Symbol.asyncDispose]();

    expect(await ask(pod)).toBe("agent");
    await (await install())[Symbol.asyncDispose]();
    expect(await rules(backend)).toEqual([theirs]);
  });

  test("connections from before are cut", async () => {
    await using asking = pod.start("asking", [tools.bun(), keepAsking, "/"], {
      disposeSignal: "SIGKILL",
    });
    await asking.waitForLog(/canary/);

    await using redirect = await install();
    await redirect.cutEscaped(neverAborted());

    await asking.waitForLog(/ECONNRESET/);
    expect(asking.output()).not.toContain("agent");
  });

  test("connections that lead to an agent already outlive the next one's start", async () => {
    await using _ = await install({ atExit: "keep" });
    await using held = pod.start("holding", [tools.bun(), "-e", holdingAConnection], { disposeSignal: "SIGKILL" });
    await held.waitForLog(/agent/);

    await using _next = await install();

    const flows = await node.must(["conntrack", "-L", "-p", "tcp", "-d", "169.254.169.254"]);
    expect(flows).toMatch(/ESTABLISHED .* src=10\.200\.0\.1 .*sport=3100/);
  });

  test.each([
    ["a flushed table", "-F PREROUTING"],
    ["a flushed chain", "-F KIAM-METADATA"],
    ["a changed destination", "-R KIAM-METADATA 1 -p tcp -j DNAT --to-destination 10.200.0.1:9"],
  ])("%s is repaired", async (_, damage) => {
    await using redirect = await install();
    await using guard = startGuard(redirect);
    await iptables(backend, damage);
    expect(await redirect.check(neverAborted())).toEqual({ kind: "missing" });

    await guard.repaired();

    expect(await ask(pod)).toBe("agent");
  });

  test("a rule that was put before it and takes its packets is found, one that does not is let be", async () => {
    await using redirect = await install();
    const [passing, taking] = ["-i cali+ -p tcp -j LATER", "-s 10.200.0.0/24 -p tcp -m tcp --dport 80 -j RETURN"];
    await iptables(backend, "-N LATER", "-A LATER -d 10.0.0.0/8 -j ACCEPT", `-I PREROUTING 1 ${passing}`);
    expect(await redirect.check(neverAborted())).toEqual({ kind: "in-force", packets: 0 });
    await iptables(backend, `-I PREROUTING 1 ${taking}`);
    expect(await redirect.check(neverAborted())).toEqual({ kind: "shadowed", by: `PREROUTING ${taking}` });
    expect(await ask(pod)).toBe("canary");

    await using guard = startGuard(redirect);
    await guard.repaired();

    expect(await ask(pod)).toBe("agent");
    expect(await rules(backend)).toHaveLength(4);
  });
});

test("a back end in which nobody marked anything and that holds more rules is the one", async () => {
  await node.must(["iptables-nft-restore"], { stdin: "*mangle\nCOMMIT\n*nat\nCOMMIT\n" });
  await node.must(["iptables-legacy-restore"], {
    stdin: "*mangle\nCOMMIT\n*nat\n-A PREROUTING -d 192.0.2.1/32 -j ACCEPT\nCOMMIT\n",
  });

  await using _ = await install();

  expect((await rules("legacy")).filter((rule) => rule.includes("KIAM"))).toHaveLength(1);
  expect((await rules("nft")).filter((rule) => rule.includes("KIAM"))).toEqual([]);
});

interface Wanted {
  readonly pods?: string;
  readonly port?: number;
  readonly atExit?: RedirectOptions["atExit"];
}

function install({ pods = "cali+", port = 3100, atExit = "remove" }: Wanted = {}) {
  const fate: Fate = { kind: "redirect", host: address("10.200.0.1"), port };
  const options = { family: ipv4, pods: pattern(pods), fate, atExit };
  const deps = {
    run: inNode,
    readText: (path: string) => node.must(["cat", path]),
    clock: createFakeClock(),
    logger: createRecordingLogger(),
  };
  return installRedirect(options, deps, neverAborted());
}

const inNode: RunCommand = (argv, options, signal) =>
  runCommand(inNamespace(node.name, argv), { ...options, env: { PATH: searchPath } }, signal);

function startGuard(redirect: Awaited<ReturnType<typeof install>>) {
  const clock = createFakeClock();
  const stop = new AbortController();
  const repair = Promise.withResolvers<void>();
  const repairs = { inc: () => repair.resolve() };
  const logger = createRecordingLogger();
  const ended = guardRedirects({ redirects: [redirect], clock, logger, repairs, podsWithRoles: () => 0 })(stop.signal);
  ended.catch(() => {});
  return {
    async repaired() {
      await clock.advance(5_000);
      await repair.promise;
      expect(logger.lines).toHaveLength(1);
    },
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("stopped"));
      await expect(ended).rejects.toThrow("stopped");
    },
  };
}

async function ask(from: Netns): Promise<string> {
  const response = await from.fetch("http://169.254.169.254/latest/meta-data/");
  return response.text();
}

async function rules(backend: string): Promise<readonly string[]> {
  const printed = await node.must([`iptables-${backend}`, "-w", "-t", "nat", "-S", "PREROUTING"]);
  return printed.split("\n").filter((line) => line.startsWith("-A "));
}

async function iptables(backend: string, ...commands: readonly string[]): Promise<void> {
  for (const command of commands) {
    await node.must([`iptables-${backend}`, "-w", "-t", "nat", ...command.split(" ")]);
  }
}

/** Joins a pod's namespace with the node's, whose end of the pair has the name given. */
async function plug(one: Netns, nodeEnd: string, network: string): Promise<void> {
  await must([
    "ip",
    "-n",
    node.name,
    "link",
    "add",
    nodeEnd,
    "type",
    "veth",
    "peer",
    "name",
    "eth0",
    "netns",
    one.name,
  ]);
  await node.must(["ip", "address", "add", `${network}.1/24`, "dev", nodeEnd]);
  await node.must(["ip", "link", "set", nodeEnd, "up"]);
  await one.must(["ip", "address", "add", `${network}.2/24`, "dev", "eth0"]);
  await one.must(["ip", "link", "set", "eth0", "up"]);
  await one.must(["ip", "route", "add", "default", "via", `${network}.1`]);
}

function pattern(text: string) {
  const parsed = parseInterfacePattern(text);
  if (parsed === undefined) {
    throw new Error(`${text} is no interface`);
  }
  return parsed;
}

function address(text: string): IpAddress {
  const parsed = parseIpAddress(text);
  if (parsed === undefined) {
    throw new Error(`${text} is no address`);
  }
  return parsed;
}
