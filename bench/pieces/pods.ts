import { createLab, type Lab } from "../../tests/e2e/lab/lab.ts";
import { tools } from "../../tests/e2e/lab/tools.ts";
import { memoryOf } from "../memory.ts";
import { median, type Piece, round } from "../table.ts";

const podBytes = 7_000;
const restMs = 30_000;
const fillWithinMs = 900_000;
const startWithinMs = 120_000;

interface Scale {
  readonly name: string;
  readonly pods: number;
  readonly rounds: number;
  /** What is asked of the server. */
  readonly asked: { readonly readySeconds: string; readonly residentMib: string };
}

export const tenThousandPods = startWith({
  name: "pods",
  pods: 10_000,
  rounds: 5,
  asked: { readySeconds: "2.5", residentMib: "120" },
});

export const fiftyThousandPods = startWith({
  name: "many-pods",
  pods: 50_000,
  rounds: 3,
  asked: { readySeconds: "6", residentMib: "190" },
});

/** A server that starts on a cluster full of pods: when it serves, and what it holds. */
function startWith({ name, pods, rounds, asked }: Scale): Piece {
  return {
    name,
    async run() {
      await using lab = await createLab();
      await lab.api.createNamespace("bench", { "iam.amazonaws.com/permitted": ".*" });
      await fill(lab, pods);
      const { token } = await lab.serverAccount();

      const ours: Start[] = [];
      const bare: Start[] = [];
      for (let turn = 0; turn < rounds; turn += 1) {
        ours.push(await startServer(lab));
        bare.push(await listPages(lab, token, pods));
      }
      const row = (what: string, limit: string, of: (one: Start) => number) => [
        what,
        limit,
        round(median(ours.map(of)), 2),
        round(median(bare.map(of)), 2),
      ];
      return {
        title: `A server with ${pods.toLocaleString("en")} pods`,
        command: `bun bench/run.ts ${name}`,
        columns: ["measure", "asked", "server", "bare paged list"],
        rows: [
          row("ready after start, s", asked.readySeconds, ({ readyMs }) => readyMs / 1000),
          row(`resident ${restMs / 1000} s later, MiB`, asked.residentMib, ({ residentMib }) => residentMib),
          row("peak, MiB", "reported", ({ peakMib }) => peakMib),
        ],
        notes: `Medians of ${rounds} alternating rounds. Pods of ${podBytes} bytes of JSON in a real kube-apiserver with etcd on the same two cores; a tenth of them have a role.`,
      };
    },
  };
}

interface Start {
  readonly readyMs: number;
  readonly residentMib: number;
  readonly peakMib: number;
}

const nowMs = () => performance.timeOrigin + performance.now();

async function startServer(lab: Lab): Promise<Start> {
  const startedMs = nowMs();
  await using server = await lab.startServer({ flags: { level: "info" } });
  await server.ready(startWithinMs);
  const readyMs = nowMs() - startedMs;
  await Bun.sleep(restMs);
  return { readyMs, ...(await memoryOf(server.pid)) };
}

async function listPages(lab: Lab, token: string, pods: number): Promise<Start> {
  const startedMs = nowMs();
  await using list = lab.control.start("paged list", [
    ...[tools.bun(), new URL("../reference/paged-list.ts", import.meta.url).pathname],
    ...[lab.controlPlane.url, lab.controlPlane.ca, token],
  ]);
  const [, listed, listedMs] = await list.waitForLog(/listed (\d+) ([\d.]+)/, startWithinMs);
  if (Number(listed) !== pods) {
    throw new Error(`the list has ${listed} pods, not ${pods}`);
  }
  await Bun.sleep(restMs);
  return { readyMs: Number(listedMs) - startedMs, ...(await memoryOf(list.pid)) };
}

async function fill({ control, controlPlane }: Lab, pods: number): Promise<void> {
  const program = new URL("../fill-pods.ts", import.meta.url).pathname;
  await control.must(
    [tools.bun(), program, controlPlane.kubeconfig, controlPlane.ca, "bench", String(pods), String(podBytes)],
    { timeoutMs: fillWithinMs },
  );
}
