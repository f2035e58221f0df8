import { tools } from "../../tests/e2e/lab/tools.ts";
import { type Memory, memoryOf } from "../memory.ts";
import { livePods, namespaces, roles } from "../soak/life.ts";
import { longestLateMs, type Reads, startReading } from "../soak/reading.ts";
import { createSoakStage, type SoakStage, sessionMs } from "../soak/stage.ts";
import { type Piece, percentile, round } from "../table.ts";

const events = 1_000_000;
const mostEventsPerSecond = 5_000;
const readsPerSecond = 100;
const seed = 20_261_122;
const tickMs = 20;
const mostEventsATick = 200;
const sampleEveryMs = 1_000;

/** So often something is lost or ends, by turns. */
const incidentEvery = 25_000;
const incidents: readonly ((stage: SoakStage) => Promise<void>)[] = [
  async ({ api }) => api.endWatches("expired"),
  loseStream,
  async ({ api }) => api.endWatches("lost"),
  loseStream,
  async ({ api }) => api.endWatches("in order"),
];
/** After all of them, a full list included, nothing happens for a while: what is resident then is not what waits to be collected. */
const cycle = incidentEvery * incidents.length;
const restMs = 10_000;

const measured = ["server", "agent", "reference"] as const;

/** MiB of each of those measured. */
type Resident = Readonly<Record<(typeof measured)[number], number>>;

interface Course {
  /** At rest after each cycle. */
  readonly atRest: readonly Resident[];
  /** Each second while things happen. */
  readonly underWay: readonly Resident[];
  /** That it all took, rests left out. */
  readonly seconds: number;
}

/** What a server and an agent hold while a million things happen to pods. */
export const soak: Piece = {
  name: "soak",
  async run() {
    await using stage = await createSoakStage(seed);
    await using reading = startReading(stage.life, stage.agent.port, readsPerSecond);
    await using reference = stage.start("pod watcher", [
      ...[tools.bun(), new URL("../reference/pod-watcher.ts", import.meta.url).pathname],
      ...[stage.api.baseUrl, stage.apiCaPath],
    ]);
    await reference.waitForLog(/watching/);
    const pids = { server: stage.server.pid, agent: stage.agent.pid, reference: reference.pid };
    const course = await live(stage, pids);
    return {
      title: "A million pod events",
      command: "bun bench/run.ts soak",
      columns: [
        "resident, MiB, after",
        ...quarters.map(percent),
        "most of the last half, to its start",
        "asked",
        "highest",
      ],
      rows: [
        memoryRow("server", "5 %", course, "server"),
        memoryRow("agent", "5 %", course, "agent"),
        memoryRow("reference: a bare watcher of the same", "", course, "reference"),
      ],
      notes: await notesOf(stage, reading.reads, course.seconds),
    };
  },
};

async function loseStream({ relay }: SoakStage): Promise<void> {
  await relay.cut();
  await relay.mend();
}

async function live(stage: SoakStage, pids: Readonly<Record<keyof Resident, number>>): Promise<Course> {
  const underWay: Resident[] = [];
  const atRest: Resident[] = [];
  let seconds = 0;
  while (atRest.length < events / cycle) {
    const startedAtMs = performance.now();
    const sampling = setInterval(async () => void underWay.push(await residentOf(pids)), sampleEveryMs);
    for (const incident of incidents) {
      await happen(stage, incidentEvery);
      await incident(stage);
    }
    await stage.api.told();
    clearInterval(sampling);
    seconds += (performance.now() - startedAtMs) / 1_000;
    await Bun.sleep(restMs);
    atRest.push(await residentOf(pids));
  }
  return { atRest, underWay, seconds };
}

/** As fast as those who watch can take it, and not faster than asked. */
async function happen({ api }: SoakStage, count: number): Promise<void> {
  let lastMs = performance.now();
  for (let left = count; left > 0; ) {
    const nowMs = performance.now();
    const due = Math.ceil(((nowMs - lastMs) / 1_000) * mostEventsPerSecond);
    lastMs = nowMs;
    const now = Math.min(Math.max(due, 1), mostEventsATick, left);
    await api.advance(now);
    left -= now;
    await Bun.sleep(Math.max(0, tickMs - (performance.now() - nowMs)));
  }
}

async function residentOf(pids: Readonly<Record<keyof Resident, number>>): Promise<Resident> {
  const [server, agent, reference] = await Promise.all(measured.map((who) => memoryOf(pids[who])));
  const mib = (memory: Memory | undefined): number => memory?.residentMib ?? Number.NaN;
  return { server: mib(server), agent: mib(agent), reference: mib(reference) };
}

const quarters = [0.25, 0.5, 0.75, 1] as const;
const percent = (part: number): string => `${part * 100} %`;

function memoryRow(what: string, asked: string, { atRest, underWay }: Course, who: keyof Resident): readonly string[] {
  const after = (part: number): number => atRest[Math.round(part * atRest.length) - 1]?.[who] ?? Number.NaN;
  const most = Math.max(...atRest.slice(atRest.length / 2).map((resident) => resident[who]));
  const grown = (most / after(0.5) - 1) * 100;
  return [
    what,
    ...quarters.map((part) => round(after(part))),
    `${grown < 0 ? "−" : "+"}${round(Math.abs(grown), 1)} %`,
    asked,
    round(Math.max(...underWay.map((resident) => resident[who]))),
  ];
}

async function notesOf(stage: SoakStage, reads: Reads, seconds: number): Promise<string> {
  const { server, agent, api } = stage;
  const passing = [...reads.passing].map(([status, count]) => `${count} × ${status}`).join(", ");
  const worst = [...reads.failed, ...reads.foreign].slice(0, 3).join("; ");
  return [
    `${events.toLocaleString("en")} events in ${round(seconds)} s (${round(events / seconds)} a second), of 2.5 KB each, from an API server of the bench over TLS, which real ones can't do on this machine: ${livePods} live pods in ${namespaces} namespaces on 100 nodes, a tenth of them on the agent's; they come, are scheduled, get an address that another has just left, change their annotations and go; namespaces change to patterns never seen before; ${roles} roles, their credentials expire after ${sessionMs / 1_000} s.`,
    `Every ${incidentEvery.toLocaleString("en")} events a watch ends, is lost or expires, or the agent's stream is lost; after ${percent(cycle / events)} of the run, all of these and a full list, nothing happens to pods for ${restMs / 1_000} s: that is when memory is read. The highest is of once a second while things happen.`,
    `Meanwhile ${reads.steady} reads of pods that stayed: ${reads.failed.length} failed, p99 ${round(percentile(reads.tookMs, 0.99))} ms; of pods that came and went: ${passing}; credentials of a role that nobody at the address had had for ${longestLateMs / 1_000} s: ${reads.foreign.length}. ${worst}`.trim(),
    `${stage.stsCalls()} calls of STS, ${await server.metric("kiam_sts_renewals_total")} renewals, ${await server.metric("kiam_policy_denials_total")} denials, ${api.posts} posts of events, ${await server.metric("kiam_k8s_lists_total")} full lists, ${await agent.metric("kiam_agent_feed_streams_total")} streams of the agent.`,
  ].join(" ");
}
