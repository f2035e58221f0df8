import { changeAllTheTime } from "../nodes/change-all-the-time.ts";
import { untilReport } from "../nodes/fleet.ts";
import { nowUs } from "../nodes/now.ts";
import { createStage, nodes, podsPerNode, roles } from "../nodes/stage.ts";
import { type Piece, round } from "../table.ts";

const settleMs = 3_000;

/** A server that is stopped in order hands a thousand agents over to another. */
export const drain: Piece = {
  name: "drain",
  async run() {
    await using stage = await createStage();
    const leaving = await stage.startServer();
    const staying = await stage.startServer();
    const fleet = stage.startFleet([leaving]);
    await untilReport(fleet, ({ connected }) => connected === nodes);
    await fleet.setServers([leaving.address, staying.address]);
    await Bun.sleep(settleMs);
    const callsBefore = stage.cluster.sts.calls.length;

    await using _changes = changeAllTheTime(stage.cluster);
    await fleet.reset();
    const stoppedUs = nowUs();
    const exitCode = await leaving.stop("SIGTERM");
    const stopMs = (nowUs() - stoppedUs) / 1_000;
    const report = await untilReport(fleet, ({ connected, snapshots }) => connected === nodes && snapshots >= nodes);
    const calls = stage.cluster.sts.calls.slice(callsBefore);
    return {
      title: "A server stopped with a thousand streams",
      command: "bun bench/run.ts drain",
      columns: ["measure", "asked", "value"],
      rows: [
        ["agents in sync with the other server", `${nodes}`, `${report.connected}`],
        ["after, s", "reported", round(report.lastInSyncMs / 1_000, 2)],
        ["the server has ended after, s", "reported", `${round(stopMs / 1_000, 2)}, exit ${exitCode}`],
        ["agents without a stream meanwhile", "reported", `${report.gaps}, ${report.longestGapMs} ms at most`],
        ["pods without credentials", "0", `${report.barePods}`],
        ["one change to its agent meanwhile, p99, ms", "reported", round(report.pods.p99Ms, 1)],
        ["calls of STS", "one for each role", `${calls.length} for ${new Set(calls).size} roles`],
        ["tries", "reported", `${report.attempts}`],
      ],
      notes: `As in the table of the thousand streams: ${nodes} nodes with ${podsPerNode} pods each, ${roles + 1} roles. SIGTERM; the other server stood by without a stream. An agent opens its next stream when it is sent away and keeps what it holds all the while.`,
    };
  },
};
