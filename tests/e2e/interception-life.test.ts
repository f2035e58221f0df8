import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { formatHostPort } from "../../src/domain/host-port.ts";
import type { KiamOptions } from "./lab/kiam.ts";
import { createLab, type Lab } from "./lab/lab.ts";
import { metadataAddress, metadataAddress6 } from "./lab/metadata.ts";
import type { LabNode } from "./lab/node.ts";
import { type Reader, startReader } from "./lab/reader.ts";
import { waitFor } from "./lab/wait.ts";

// What becomes of a redirect with the agent's own life and with others' hands on the tables, by both versions of IP and
// counted where it matters: in packets of pods that arrive at the real metadata service.

let lab: Lab;
beforeAll(async () => {
  lab = await createLab();
  await lab.api.createNamespace("team", { "iam.amazonaws.com/permitted": ".*" });
  await (await lab.startServer()).ready();
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

const perSecond = 20;
const programs = ["iptables", "ip6tables"] as const;
const roleUrl = (host: string, role: string) =>
  `http://${formatHostPort(host, 80)}/latest/meta-data/iam/security-credentials/${role}`;

describe.each(["nft", "legacy"] as const)("with the %s back end in use", (backend) => {
  let node: LabNode;
  let dual: string;
  let network: number;
  beforeAll(async () => {
    node = await lab.addNode(backend);
    dual = `${node.address},${node.address6}`;
    network = backend === "nft" ? 1 : 2;
    for (const program of programs) {
      const stdin = "*mangle\n:KUBE-KUBELET-CANARY - [0:0]\nCOMMIT\n";
      await node.netns.must([`${program}-${backend}-restore`], { stdin });
    }
  });

  const start = async (flags: KiamOptions["flags"]) => {
    const agent = await node.startAgent({ flags: { host: dual, ...flags } });
    await agent.waitForLog(/kiam agent starts/);
    return agent;
  };
  const deploy = (name: string, end: number, mayReadCanary = false) =>
    node.deployPod({
      ...{ namespace: "team", name: `${name}-${backend}`, role: name, mayReadCanary },
      ...{ address: `10.244.${network}.${end}`, address6: `fd00:244:${network}::${end}` },
    });
  const ownRules = async () => {
    const saved = await Promise.all(programs.map((program) => node.netns.must([`${program}-${backend}-save`])));
    return saved.map((text) => text.match(/-j KIAM-METADATA/g)?.length ?? 0);
  };

  test("with --no-iptables-remove not one packet of a pod gets through stop, kill, restart, upgrade and a change of --host", async () => {
    const keep = { "iptables-remove": false };
    let agent = await start(keep);
    await agent.ready();
    await using pod = await deploy("kept", 10);
    const readers = [metadataAddress, metadataAddress6].map((host) =>
      startReader(pod, roleUrl(host, "kept"), perSecond),
    );
    await servedAgain(readers);
    const before = await node.metadata.packets();

    await agent.stop("SIGTERM");
    await someReads(readers);
    agent = await start(keep);
    await servedAgain(readers);
    await agent.stop("SIGKILL");
    await someReads(readers);
    agent = await start(keep);
    await servedAgain(readers);
    const upgraded = node.startAgent({ flags: { host: dual, ...keep } });
    await (await upgraded).waitForLog(/another agent/);
    await agent.stop("SIGTERM");
    agent = await upgraded;
    await agent.ready();
    await servedAgain(readers);
    await agent.stop("SIGTERM");
    agent = await start({ ...keep, host: node.address });
    await servedAgain(readers.slice(0, 1));
    await agent.stop("SIGKILL");
    agent = await start(keep);
    await servedAgain(readers);

    const reads = (await Promise.all(readers.map((reader) => reader.stop()))).flat();
    expect((await node.metadata.packets()) - before).toBe(0);
    expect(reads.filter(({ body }) => body?.includes("canary"))).toEqual([]);
    expect(await ownRules()).toEqual([1, 1]);
    await agent.stop();
  });

  test("killed, its rules stay as they are, and the next agent takes them over and away", async () => {
    await using pod = await deploy("killed", 11, true);
    const first = await start({ host: node.address });
    await first.stop("SIGKILL");
    const killed = await ownRules();
    const before = await node.metadata.packets();
    const closed = await Promise.all(
      [metadataAddress, metadataAddress6].map((host) => pod.http(roleUrl(host, "killed")).catch(() => "closed")),
    );
    const passed = (await node.metadata.packets()) - before;

    const next = await start({});
    await next.ready();
    const taken = await ownRules();
    const served = await pod.http(roleUrl(metadataAddress6, "killed"));
    await next.stop("SIGTERM");

    // The rejection of IPv6 has two jumps, where packets go on and where they stay.
    expect([killed, taken, await ownRules()]).toEqual([
      [1, 2],
      [1, 1],
      [0, 0],
    ]);
    expect([closed, passed, served.status]).toEqual([["closed", "closed"], 0, 200]);
    expect((await pod.http(roleUrl(metadataAddress, "canary-node-role"))).status).toBe(200); // The positive control.
  });

  test("flushed, it is back within five seconds, and pods are answered by the agent again", async () => {
    await using agent = await start({});
    await agent.ready();
    await using pod = await deploy("flushed", 12, true);
    const [four, six] = [roleUrl(metadataAddress, "flushed"), roleUrl(metadataAddress6, "flushed")];
    const statuses = async () => [(await pod.http(four)).status, (await pod.http(six)).status];
    await waitFor("the credentials", async () => ((await statuses()).every((one) => one === 200) ? true : undefined));

    for (const program of programs) {
      await node.netns.must([`${program}-${backend}`, "-w", "-t", "nat", "-F"]);
      await node.netns.must([`${program}-${backend}`, "-w", "-t", "nat", "-X"]);
    }
    const startedMs = performance.now();
    await agent.waitForLog(/(putting it first again[\s\S]*){2}/);
    await waitFor("both repairs", async () => {
      return (await agent.metric("kiam_agent_redirect_repairs_total")) === 2 || undefined;
    });
    const tookMs = performance.now() - startedMs;

    expect(tookMs).toBeLessThan(5_000);
    expect(await ownRules()).toEqual([1, 1]);
    expect(await statuses()).toEqual([200, 200]);
  });
});

/** Each has some reads more, whatever came of them. */
async function someReads(readers: readonly Reader[], times = 5): Promise<void> {
  const goals = readers.map((reader) => reader.reads().length + times);
  await waitFor("reads", () => readers.every((reader, at) => reader.reads().length >= (goals[at] ?? 0)) || undefined);
}

/** The last reads of each brought credentials. */
async function servedAgain(readers: readonly Reader[], times = 5): Promise<void> {
  await waitFor("credentials by all", () => {
    const last = readers.flatMap((reader) => reader.reads().slice(-times));
    return (last.length >= readers.length * times && last.every(({ key }) => key !== undefined)) || undefined;
  });
}
