import { memoryOf } from "../memory.ts";
import { type Fleet, type FleetReport, untilReport } from "../nodes/fleet.ts";
import { cpuSecondsOf, createStage, nodes, podsPerNode, roles, type Stage, type StageServer } from "../nodes/stage.ts";
import { median, type Piece, round } from "../table.ts";

const rounds = 5;
const idleMs = 15_000;
const changes = 500;
const everyMs = 20;

/** A thousand agents' streams on one server: how late changes are, and what it costs. */
export const streams: Piece = {
  name: "streams",
  async run() {
    await using stage = await createStage();
    const server = await stage.startServer();
    const bareMib = (await memoryOf(server.pid)).residentMib;
    const cpuBefore = await cpuSecondsOf(server.pid);
    const fleet = stage.startFleet([server]);
    const began = await untilReport(fleet, ({ connected }) => connected === nodes);
    const startCpu = (await cpuSecondsOf(server.pid)) - cpuBefore;

    const measured: Round[] = [];
    for (let turn = 0; turn < rounds; turn += 1) {
      measured.push(await measure(stage, server, fleet));
    }
    const of = (pick: (one: Round) => number) => measured.map(pick);
    const row = (what: string, asked: string, values: readonly number[], digits = 1) => [
      what,
      asked,
      round(median(values), digits),
      `${round(Math.min(...values), digits)}–${round(Math.max(...values), digits)}`,
    ];
    return {
      title: "A thousand node streams on one server",
      command: "bun bench/run.ts streams",
      columns: ["measure", "asked", "median", "range"],
      rows: [
        row("all connected at once, in sync after, s", "reported", [began.lastInSyncMs / 1_000]),
        row("the same, CPU of the server, s", "reported", [startCpu]),
        row(
          "one change to its agent, p50, ms",
          "reported",
          of(({ single }) => single.p50Ms),
        ),
        row(
          "one change to its agent, p99, ms",
          "10",
          of(({ single }) => single.p99Ms),
        ),
        row(
          "1,000 changes at once, the last, ms",
          "120",
          of(({ burst }) => burst.maxMs),
        ),
        row(
          "a change to all, the last, ms",
          "100",
          of(({ all }) => all.maxMs),
        ),
        row(
          "idle, % of a core",
          "3",
          of(({ idlePercent }) => idlePercent),
        ),
        row(
          "resident memory, MiB",
          "170",
          of(({ residentMib }) => residentMib),
          0,
        ),
        row("the same before the first stream, MiB", "reported", [bareMib], 0),
      ],
      notes: `${nodes} nodes with ${podsPerNode} pods each, all with one of ${roles + 1} roles; each node a TLS connection of its own with a certificate of its own (EC P-256), all of grpc-go in one process. The compiled server, an API server and an STS that answer at once, and the nodes share two cores. Medians of ${rounds} rounds: ${idleMs / 1_000} s idle, ${changes} changes ${everyMs} ms apart, one to each of 1,000 nodes in one piece of the watch, and the renewal of a role that a pod of every node has. A change is counted from when the API server writes it, a renewal from when STS answers.`,
    };
  },
};

interface Round {
  readonly idlePercent: number;
  readonly residentMib: number;
  readonly single: FleetReport["pods"];
  readonly burst: FleetReport["pods"];
  readonly all: FleetReport["credentials"];
}

async function measure({ cluster }: Stage, server: StageServer, fleet: Fleet): Promise<Round> {
  const all = await nextRenewal(fleet);
  const cpuBefore = await cpuSecondsOf(server.pid);
  await Bun.sleep(idleMs);
  const idlePercent = (((await cpuSecondsOf(server.pid)) - cpuBefore) / idleMs) * 100_000;
  const { residentMib } = await memoryOf(server.pid);

  await fleet.reset();
  for (let turn = 0; turn < changes; turn += 1) {
    await cluster.change([(turn * 7) % nodes]);
    await Bun.sleep(everyMs);
  }
  const single = await untilReport(fleet, ({ pods }) => pods.count >= changes);

  await fleet.reset();
  await cluster.change(Array.from({ length: nodes }, (_, node) => node));
  const burst = await untilReport(fleet, ({ pods }) => pods.count >= nodes);
  return { idlePercent, residentMib, single: single.pods, burst: burst.pods, all };
}

/** Waits for a renewal of the shared role that begins from now on. */
async function nextRenewal(fleet: Fleet): Promise<FleetReport["credentials"]> {
  await fleet.reset();
  return (await untilReport(fleet, ({ credentials }) => credentials.count >= nodes)).credentials;
}
