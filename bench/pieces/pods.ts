import { createLab, type Lab } from "../../tests/e2e/lab/lab.ts";
import { tools } from "../../tests/e2e/lab/tools.ts";
import { memoryOf } from "../memory.ts";
import { median, type Piece, round } from "../table.ts";

const pods = 10_000;
const podBytes = 7_000;
const rounds = 5;
const restMs = 30_000;
const writers = 32;

/** A server that starts on ten thousand pods: when it serves, and what it holds. */
export const manyPods: Piece = {
  name: "pods",
  async run() {
    await using lab = await createLab();
    await lab.api.createNamespace("bench", { "iam.amazonaws.com/permitted": ".*" });
    await fill(lab);
    const { token } = await lab.serverAccount();

    const ours: Start[] = [];
    const bare: Start[] = [];
    for (let turn = 0; turn < rounds; turn += 1) {
      ours.push(await startServer(lab));
      bare.push(await listPages(lab, token));
    }
    const row = (what: string, asked: string, of: (one: Start) => number) => [
      what,
      asked,
      round(median(ours.map(of)), 2),
      round(median(bare.map(of)), 2),
    ];
    return {
      title: `A server with ${pods.toLocaleString("en")} pods`,
      command: "bun bench/run.ts pods",
      columns: ["measure", "asked", "server", "bare paged list"],
      rows: [
        row("ready after start, s", "2.5", ({ readyMs }) => readyMs / 1000),
        row(`resident ${restMs / 1000} s later, MiB`, "120", ({ residentMib }) => residentMib),
        row("peak, MiB", "reported", ({ peakMib }) => peakMib),
      ],
      notes: `Medians of ${rounds} alternating rounds. Pods of ${podBytes} bytes of JSON in a real kube-apiserver with etcd on the same two cores; a tenth of them have a role.`,
    };
  },
};

interface Start {
  readonly readyMs: number;
  readonly residentMib: number;
  readonly peakMib: number;
}

const nowMs = () => performance.timeOrigin + performance.now();

async function startServer(lab: Lab): Promise<Start> {
  const startedMs = nowMs();
  await using server = await lab.startServer({ flags: { level: "info" } });
  await server.ready(60_000);
  const readyMs = nowMs() - startedMs;
  await Bun.sleep(restMs);
  return { readyMs, ...(await memoryOf(server.pid)) };
}

async function listPages(lab: Lab, token: string): Promise<Start> {
  const startedMs = nowMs();
  await using list = lab.control.start("paged list", [
    ...[tools.bun(), new URL("../reference/paged-list.ts", import.meta.url).pathname],
    ...[lab.controlPlane.url, lab.controlPlane.ca, token],
  ]);
  const [, listed, listedMs] = await list.waitForLog(/listed (\d+) ([\d.]+)/, 60_000);
  if (Number(listed) !== pods) {
    throw new Error(`the list has ${listed} pods, not ${pods}`);
  }
  await Bun.sleep(restMs);
  return { readyMs: Number(listedMs) - startedMs, ...(await memoryOf(list.pid)) };
}

async function fill(lab: Lab): Promise<void> {
  const create = (number: number, padding: number) =>
    lab.api.createPod({
      ...{ namespace: "bench", name: `pod-${number}`, nodeName: `node-${number % 300}` },
      annotations: {
        ...(number % 10 === 0 ? { "iam.amazonaws.com/role": `role-${number % 100}` } : {}),
        padding: "x".repeat(padding),
      },
    });
  await create(0, 0);
  const { body } = await lab.api.request("GET", "/api/v1/namespaces/bench/pods/pod-0");
  const padding = podBytes - JSON.stringify(body).length;
  let next = 1;
  const write = async () => {
    for (let number = next; number < pods; number = next) {
      next += 1;
      await create(number, padding);
    }
  };
  await Promise.all(Array.from({ length: writers }, write));
}
