import { join } from "node:path";
import { createLab } from "../../tests/e2e/lab/lab.ts";
import type { LabPod } from "../../tests/e2e/lab/pod.ts";
import type { LabProcess } from "../../tests/e2e/lab/process.ts";
import { repository, tools } from "../../tests/e2e/lab/tools.ts";
import { memoryOf } from "../memory.ts";
import { median, type Piece, percentile, round } from "../table.ts";

const rounds = 5;
const emptyPort = 3997;
const settleMs = 10_000;

/** From the start of the process to the first credentials, with the redirect installed on the way; and memory at rest. */
export const start: Piece = {
  name: "start",
  async run() {
    await using lab = await createLab();
    await lab.api.createNamespace("bench", { "iam.amazonaws.com/permitted": ".*" });
    await (await lab.startServer({ flags: { level: "info" } })).ready();
    const node = await lab.addNode("node-1");
    // What answers before the redirect is the fake metadata service, and not with 200 for this role.
    const pod = await node.deployPod({ namespace: "bench", name: "first", address: "10.244.1.5", role: "reader" });
    const empty = join(lab.directory, "empty-server");
    compile("bench/reference/empty-server.ts", empty);
    const credentials = ["169.254.169.254", "80", "/latest/meta-data/iam/security-credentials/reader"];

    const agentMs: number[] = [];
    const emptyMs: number[] = [];
    const agentMib: number[] = [];
    const emptyMib: number[] = [];
    for (let turn = 0; turn < rounds; turn += 1) {
      const agent = await timed(pod, credentials, () => node.startAgent({ flags: { level: "info" } }));
      agentMs.push(agent.ms);
      await Bun.sleep(settleMs);
      agentMib.push((await memoryOf(agent.process.pid)).residentMib);
      await agent.process.stop();

      const bare = await timed(pod, [node.address, String(emptyPort), "/"], async () =>
        node.netns.start("empty", [empty, node.address, String(emptyPort)]),
      );
      emptyMs.push(bare.ms);
      await Bun.sleep(settleMs);
      emptyMib.push((await memoryOf(bare.process.pid)).residentMib);
      await bare.process.stop("SIGKILL");
    }
    const row = (what: string, asked: string, ours: readonly number[], bare: readonly number[]) => [
      what,
      asked,
      `${round(median(ours))} (${round(percentile(ours, 0))}–${round(percentile(ours, 1))})`,
      round(median(bare)),
      round(median(ours) / median(bare), 2),
    ];
    return {
      title: "Starting an agent",
      command: "bun bench/run.ts start",
      columns: ["measure", "asked", "agent, median (range)", "empty compiled server", "ratio"],
      rows: [
        row("exec to first 200 credentials, redirect in place, ms", "250", agentMs, emptyMs),
        row(`resident memory ${settleMs / 1000} s later, MiB`, "65", agentMib, emptyMib),
      ],
      notes: `Medians of ${rounds} alternating rounds. The clock starts before \`ip netns exec\` and stops when a pod that asks every millisecond has its credentials.`,
    };
  },
};

interface Timed<Started> {
  readonly process: Started;
  readonly ms: number;
}

async function timed<Started extends LabProcess>(
  pod: LabPod,
  target: readonly string[],
  launch: () => Promise<Started>,
): Promise<Timed<Started>> {
  const program = new URL("../reference/first-answer.mjs", import.meta.url).pathname;
  await using asker = pod.start("asker", [tools.bun(), program, ...target]);
  await asker.waitForLog(/ready/);
  const startedMs = performance.timeOrigin + performance.now();
  const process = await launch();
  const [, answeredMs] = await asker.waitForLog(/answered ([\d.]+)/);
  return { process, ms: Number(answeredMs) - startedMs };
}

/** With the flags of scripts/build.ts. */
function compile(source: string, target: string): void {
  const flags = ["--compile", "--minify", "--splitting", "--bytecode", "--format=esm", "--sourcemap"];
  const { exitCode, stderr } = Bun.spawnSync([tools.bun(), "build", ...flags, source, "--outfile", target], {
    cwd: repository,
  });
  if (exitCode !== 0) {
    throw new Error(`cannot compile ${source}: ${stderr}`);
  }
}
