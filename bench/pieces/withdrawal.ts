import { createLab, type Lab } from "../../tests/e2e/lab/lab.ts";
import { metadataAddress } from "../../tests/e2e/lab/metadata.ts";
import type { LabNode } from "../../tests/e2e/lab/node.ts";
import type { LabProcess } from "../../tests/e2e/lab/process.ts";
import { tools } from "../../tests/e2e/lab/tools.ts";
import { type Piece, percentile, round } from "../table.ts";

const roundsOfEach = 50;
const namespace = "bench";
const name = "reader";
const podAddress = "10.244.1.5";
const role = "iam.amazonaws.com/role";
const permitted = "iam.amazonaws.com/permitted";

/** One way to take a role away from a pod, and to give it back. */
interface Withdrawal {
  readonly what: string;
  readonly status: number;
  take(lab: Lab): Promise<void>;
  giveBack(lab: Lab, node: LabNode): Promise<void>;
}

const ofPod = { namespace, pod: name };
const withdrawals: readonly Withdrawal[] = [
  {
    what: "the pod's annotation names another role",
    status: 403,
    take: ({ api }) => api.annotate(ofPod, { [role]: "writer" }),
    giveBack: ({ api }) => api.annotate(ofPod, { [role]: "reader" }),
  },
  {
    what: "the pod's annotation is removed",
    status: 404,
    take: ({ api }) => api.annotate(ofPod, { [role]: null }),
    giveBack: ({ api }) => api.annotate(ofPod, { [role]: "reader" }),
  },
  {
    what: "the namespace permits another role",
    status: 403,
    take: ({ api }) => api.annotate({ namespace }, { [permitted]: ".*/writer" }),
    giveBack: ({ api }) => api.annotate({ namespace }, { [permitted]: ".*" }),
  },
  {
    what: "the pod is deleted",
    status: 503,
    take: ({ api }) => api.deletePod(namespace, name),
    giveBack: makePod,
  },
];

/** How long a pod keeps what was withdrawn, from the write at the API server on. */
export const withdrawal: Piece = {
  name: "withdrawal",
  async run() {
    await using lab = await createLab();
    await lab.api.createNamespace(namespace, { [permitted]: ".*" });
    await (await lab.startServer({ flags: { level: "info" } })).ready();
    const node = await lab.addNode("node-1");
    await (await node.startAgent({ flags: { level: "info" } })).ready();
    const pod = await node.addPod({ name: "reader", address: podAddress, veth: "calibench" });
    await makePod(lab, node);
    await using watcher = await startWatcher(lab);
    const program = new URL("../reference/answer-changes.mjs", import.meta.url).pathname;
    const path = "/latest/meta-data/iam/security-credentials/reader";
    await using asker = pod.start("asker", [tools.bun(), program, metadataAddress, "80", path]);
    const stage: Stage = { lab, node, asker, changes: await firstGrant(asker) };

    const rows: (readonly string[])[] = [];
    const all: Round[] = [];
    for (const each of withdrawals) {
      const rounds: Round[] = [];
      for (let turn = 0; turn < roundsOfEach; turn += 1) {
        rounds.push(await play(stage, each));
      }
      all.push(...rounds);
      rows.push(row(each.what, rounds, watcher));
    }
    return {
      title: "Withdrawal",
      command: "bun bench/run.ts withdrawal",
      columns: ["", "rounds", "p50, ms", "p99, ms", "slowest, ms", "bare watch, p50, ms", "bare watch, p99, ms"],
      rows: [...rows, row("all", all, watcher), ["asked", "", "", "100", "", "", ""]],
      notes:
        "From before the write at a real API server until a pod, which asks a compiled agent every millisecond and each time on a connection of its own, has its first refusal; the reference is the first event of a bare watch. A deleted pod's address is waited for, because it may be a new pod's: its refusal is counted less the 800 ms of that wait.",
    };
  },
};

interface Stage {
  readonly lab: Lab;
  readonly node: LabNode;
  readonly asker: LabProcess;
  /** Of the answer's status so far. */
  changes: number;
}

interface Round {
  readonly writtenMs: number;
  readonly tookMs: number;
}

/** Where nobody has the address. */
const patienceMs = 800;

async function play(stage: Stage, { take, giveBack, status }: Withdrawal): Promise<Round> {
  const writtenMs = performance.timeOrigin + performance.now();
  await take(stage.lab);
  const refusedMs = await nextChange(stage, status);
  await giveBack(stage.lab, stage.node);
  await nextChange(stage, 200);
  return { writtenMs, tookMs: refusedMs - writtenMs - (status === 503 ? patienceMs : 0) };
}

/** When the answer was first of the status. */
async function nextChange(stage: Stage, status: number): Promise<number> {
  for (;;) {
    const [, come, atMs] = await stage.asker.waitForLog(new RegExp(`change ${stage.changes} (\\d+) ([\\d.]+)`));
    stage.changes += 1;
    if (Number(come) === status) {
      return Number(atMs);
    }
  }
}

async function firstGrant(asker: LabProcess): Promise<number> {
  const [, changes] = await asker.waitForLog(/change (\d+) 200 /);
  return Number(changes) + 1;
}

async function makePod({ api }: Lab, node: LabNode): Promise<void> {
  await api.createPod({ namespace, name, nodeName: node.name, annotations: { [role]: "reader" } });
  await api.runPod(namespace, name, podAddress, node.address);
}

async function startWatcher({ control, controlPlane, serverAccount }: Lab): Promise<LabProcess> {
  const { token } = await serverAccount();
  const watcher = control.start("watcher", [
    ...[tools.bun(), new URL("../reference/watch-events.ts", import.meta.url).pathname],
    ...[controlPlane.url, controlPlane.ca, token],
  ]);
  await watcher.waitForLog(/watching pods/);
  await watcher.waitForLog(/watching namespaces/);
  return watcher;
}

function row(what: string, rounds: readonly Round[], watcher: LabProcess): readonly string[] {
  const eventsMs = [...watcher.output().matchAll(/event ([\d.]+)/g)].map(([, atMs]) => Number(atMs));
  const bareMs = rounds.map(({ writtenMs }) => (eventsMs.find((atMs) => atMs > writtenMs) ?? Infinity) - writtenMs);
  const tookMs = rounds.map((each) => each.tookMs);
  return [
    what,
    String(rounds.length),
    ...[percentile(tookMs, 0.5), percentile(tookMs, 0.99), Math.max(...tookMs)].map((ms) => round(ms, 1)),
    ...[percentile(bareMs, 0.5), percentile(bareMs, 0.99)].map((ms) => round(ms, 1)),
  ];
}
