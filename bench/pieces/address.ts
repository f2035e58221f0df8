import { createLab, type Lab } from "../../tests/e2e/lab/lab.ts";
import type { LabNode } from "../../tests/e2e/lab/node.ts";
import type { LabProcess } from "../../tests/e2e/lab/process.ts";
import { tools } from "../../tests/e2e/lab/tools.ts";
import { type Piece, percentile, round } from "../table.ts";

const pods = 40;
const stsMs = 80;
const headStartMs = 300;
const proxyPort = 4570;

/** From a pod's address in the API to its credentials, for a role never used, scheduled a while before or just now. */
export const address: Piece = {
  name: "address",
  async run() {
    await using lab = await createLab();
    await lab.api.createNamespace("bench", { "iam.amazonaws.com/permitted": ".*" });
    const { hostname } = new URL(lab.sts.endpoint);
    const sts = `http://${hostname}:${proxyPort}`;
    await using proxy = lab.control.start("delay", [
      ...[tools.bun(), new URL("../delay-proxy.ts", import.meta.url).pathname],
      ...[hostname, String(proxyPort), lab.sts.endpoint, String(stsMs)],
    ]);
    await proxy.waitForLog(/listening/);
    await (await lab.startServer({ flags: { level: "info", "sts-endpoint": sts } })).ready();
    const node = await lab.addNode("node-1");
    await (await node.startAgent({ flags: { level: "info" } })).ready();
    const { token } = await lab.serverAccount();
    await using watcher = lab.control.start("watcher", [
      ...[tools.bun(), new URL("../reference/watcher.ts", import.meta.url).pathname],
      ...[lab.controlPlane.url, lab.controlPlane.ca, token],
    ]);
    await watcher.waitForLog(/watching/);

    const early: Answered[] = [];
    const late: Answered[] = [];
    for (let turn = 0; turn < pods; turn += 1) {
      early.push(await ask({ lab, node, watcher }, `early-${turn}`, turn * 2 + 2, headStartMs));
      late.push(await ask({ lab, node, watcher }, `late-${turn}`, turn * 2 + 3, 0));
    }
    return {
      title: "From a pod's address to its credentials",
      command: "bun bench/run.ts address",
      columns: ["pod", "asked", "p50, ms", "p90, ms", "failed", "of"],
      rows: [
        row(`scheduled ${headStartMs} ms before it gets its address`, "p50 5, none failed", early),
        row("scheduled with its address", `STS time (${stsMs}) + 20`, late),
      ],
      notes: `Milliseconds after a bare watcher of the API server, the reference, saw the address; below zero, the pod had its credentials first. Each role was never used before, STS is moto behind a proxy that waits ${stsMs} ms, and the pod's request is waiting at the agent when the address comes.`,
    };
  },
};

interface Stage {
  readonly lab: Lab;
  readonly node: LabNode;
  readonly watcher: LabProcess;
}

interface Answered {
  readonly status: number;
  readonly afterWatcherMs: number;
}

async function ask({ lab, node, watcher }: Stage, name: string, host: number, waitMs: number): Promise<Answered> {
  const podAddress = `10.244.1.${host}`;
  await using pod = await node.addPod({ name, address: podAddress, veth: `cali${name}` });
  const create = () =>
    lab.api.createPod({
      ...{ namespace: "bench", name, nodeName: node.name },
      annotations: { "iam.amazonaws.com/role": name },
    });
  if (waitMs > 0) {
    await create();
    await Bun.sleep(waitMs);
  }
  const program = new URL("../reference/one-answer.mjs", import.meta.url).pathname;
  const path = `/latest/meta-data/iam/security-credentials/${name}`;
  await using asker = pod.start("asker", [tools.bun(), program, path]);
  await asker.waitForLog(/asking/);
  if (waitMs === 0) {
    await create();
  }
  await lab.api.runPod("bench", name, podAddress, node.address);
  const [, status, answeredMs] = await asker.waitForLog(/answer (\d+) ([\d.]+)/);
  const [, seenMs] = await watcher.waitForLog(new RegExp(`seen ${name} ([\\d.]+)`));
  await lab.api.deletePod("bench", name);
  return { status: Number(status), afterWatcherMs: Number(answeredMs) - Number(seenMs) };
}

function row(what: string, asked: string, answers: readonly Answered[]): readonly string[] {
  const times = answers.filter(({ status }) => status === 200).map(({ afterWatcherMs }) => afterWatcherMs);
  return [
    what,
    asked,
    round(percentile(times, 0.5), 1),
    round(percentile(times, 0.9), 1),
    `${answers.length - times.length}`,
    `${answers.length}`,
  ];
}
