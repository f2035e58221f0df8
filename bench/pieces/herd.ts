import { memoryOf } from "../memory.ts";
import { changeAllTheTime } from "../nodes/change-all-the-time.ts";
import { type FleetReport, untilReport } from "../nodes/fleet.ts";
import { createStage, nodes, podsPerNode, roles } from "../nodes/stage.ts";
import { type Piece, round } from "../table.ts";

const settleMs = 3_000;

/** A thousand agents whose server is killed come to another. */
export const herd: Piece = {
  name: "herd",
  async run() {
    await using stage = await createStage();
    const lost = await stage.startServer();
    const next = await stage.startServer();
    const fleet = stage.startFleet([lost]);
    await untilReport(fleet, ({ connected }) => connected === nodes);
    await fleet.setServers([lost.address, next.address]);
    await Bun.sleep(settleMs);
    const { residentMib } = await memoryOf(lost.pid);
    const callsBefore = stage.cluster.sts.calls.length;

    await using _changes = changeAllTheTime(stage.cluster);
    await fleet.reset();
    await lost.stop("SIGKILL");
    await untilReport(fleet, ({ connected, snapshots }) => connected === nodes && snapshots >= nodes);
    await Bun.sleep(settleMs);
    const report = await fleet.report();
    const { peakMib } = await memoryOf(next.pid);
    const calls = stage.cluster.sts.calls.slice(callsBefore);
    return {
      title: "A thousand agents whose server was killed",
      command: "bun bench/run.ts herd",
      columns: ["measure", "asked", "value"],
      rows: rowsOf(report, {
        memory: `${round(peakMib)} (${round(peakMib / residentMib, 2)} times ${round(residentMib)})`,
        calls: `${calls.length} for ${new Set(calls).size} roles`,
      }),
      notes: `As in the table of the thousand streams: ${nodes} nodes with ${podsPerNode} pods each, ${roles + 1} roles. The other server stood by without a stream; DNS goes on naming both. The agents' first try comes 50 to 100 ms after the loss, as their own does, and the next ones at doubling intervals. Meanwhile a pod of one node after the other changes every 20 ms; counted is what reaches a node whose stream is open.`,
    };
  },
};

function rowsOf(
  report: FleetReport,
  { memory, calls }: { readonly memory: string; readonly calls: string },
): string[][] {
  return [
    ["tries until all were in sync", "reported", `${report.attempts}`],
    ["the last try began after, s", "reported", round(report.lastAttemptMs / 1_000, 2)],
    ["all in sync after the last try began, s", "5", round((report.lastInSyncMs - report.lastAttemptMs) / 1_000, 2)],
    ["one change to its agent meanwhile, p50, ms", "reported", round(report.pods.p50Ms, 1)],
    ["one change to its agent meanwhile, p99, ms", "100", round(report.pods.p99Ms, 1)],
    ["peak memory, MiB", "1.5 times the former server's", memory],
    ["calls of STS", "one for each role", calls],
    ["pods without credentials", "0", `${report.barePods}`],
  ];
}
