import { readFile } from "node:fs/promises";
import { buildKiamImage } from "../../tests/e2e/image/build-image.ts";
import { fromImage } from "../../tests/e2e/image/container.ts";
import { createPodman, type Podman } from "../../tests/e2e/image/podman.ts";
import { createLab } from "../../tests/e2e/lab/lab.ts";
import type { LabPod } from "../../tests/e2e/lab/pod.ts";
import type { LabProcess } from "../../tests/e2e/lab/process.ts";
import { tools } from "../../tests/e2e/lab/tools.ts";
import { waitFor } from "../../tests/e2e/lab/wait.ts";
import { median, type Piece, percentile, round } from "../table.ts";

const rounds = 5;

/** What the image weighs, and how long an agent takes from it beside the same agent without a container. */
export const image: Piece = {
  name: "image",
  async run() {
    const built = await buildKiamImage();
    await using podman = await createPodman();
    await podman.must(["load", "--quiet", "--input", built.archive], { timeoutMs: 120_000 });
    const bytes = Number(await podman.must(["image", "inspect", "--format={{.Size}}", built.reference]));
    // Beside the very same executable.
    process.env["KIAM_BINARY"] = `${(await podman.must(["image", "mount", built.reference])).trim()}/kiam`;

    await using lab = await createLab();
    await lab.api.createNamespace("bench", { "iam.amazonaws.com/permitted": ".*" });
    await (await lab.startServer({ flags: { level: "info" } })).ready();
    const node = await lab.addNode("node-1");
    const pod = await node.deployPod({ namespace: "bench", name: "first", address: "10.244.1.5", role: "reader" });
    const launch = fromImage({
      ...{ podman, image: built.reference, netns: node.netns.name, user: "0", capabilities: ["NET_ADMIN", "NET_RAW"] },
      mounts: [lab.directory, "/run/xtables.lock:/var/run/xtables.lock"],
    });

    const containedMs: number[] = [];
    const runMs: number[] = [];
    const bareMs: number[] = [];
    for (let turn = 0; turn < rounds; turn += 1) {
      const startedMs = Date.now();
      const contained = await firstAnswer(pod, () => node.startAgent({ flags: { level: "info" }, launch }));
      containedMs.push(contained.answeredMs - (await startOf(await pidOf(podman))));
      runMs.push(contained.answeredMs - startedMs);
      await contained.agent.stop();
      const bare = await firstAnswer(pod, () => node.startAgent({ flags: { level: "info" } }));
      bareMs.push(bare.answeredMs - (await startOf(String(bare.agent.pid))));
      await bare.agent.stop();
    }
    const range = (values: readonly number[]) =>
      `${round(median(values))} (${round(percentile(values, 0))}–${round(percentile(values, 1))})`;
    return {
      title: "The image",
      command: "bun bench/run.ts image",
      columns: ["measure", "asked", "image, median (range)", "the same executable without a container", "ratio"],
      rows: [
        ["unpacked, MB", "180", round(bytes / 1_000_000, 1), "—", "—"],
        [
          ...["the agent's process to its first 200 credentials, redirect in place, ms", "400", range(containedMs)],
          ...[range(bareMs), round(median(containedMs) / median(bareMs), 2)],
        ],
        ["`podman run` to the same, ms", "—", range(runMs), "—", "—"],
      ],
      notes: `Medians of ${rounds} alternating rounds. A process starts when the kernel says, to 10 ms: /proc/PID/stat; in a container that is runc's init, which becomes it. Podman copies the whole image for each container here (storage driver vfs), which is most of the last row.`,
    };
  },
};

interface Answered {
  readonly agent: LabProcess;
  /** Since the Unix epoch. */
  readonly answeredMs: number;
}

async function firstAnswer(pod: LabPod, launch: () => Promise<LabProcess>): Promise<Answered> {
  const program = new URL("../reference/first-answer.mjs", import.meta.url).pathname;
  const target = ["169.254.169.254", "80", "/latest/meta-data/iam/security-credentials/reader"];
  await using asker = pod.start("asker", [tools.bun(), program, ...target]);
  await asker.waitForLog(/ready/);
  const agent = await launch();
  const [, answeredMs] = await asker.waitForLog(/answered ([\d.]+)/);
  return { agent, answeredMs: Number(answeredMs) };
}

/** Of the only container, which may answer before podman has written down that it runs. */
async function pidOf(podman: Podman): Promise<string> {
  const id = await waitFor("podman to know of the container", async () => {
    const known = (await podman.must(["ps", "--quiet"])).trim();
    return known === "" ? undefined : known;
  });
  return (await podman.must(["inspect", "--format={{.State.Pid}}", id])).trim();
}

/** When a process was started, ms since the Unix epoch. */
async function startOf(pid: string): Promise<number> {
  const [stat, uptime] = await Promise.all([readFile(`/proc/${pid}/stat`, "utf8"), readFile("/proc/uptime", "utf8")]);
  const nowMs = Date.now();
  const ticks = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]); // starttime, in hundredths of a second.
  return nowMs - Number(uptime.split(" ")[0]) * 1000 + ticks * 10;
}
