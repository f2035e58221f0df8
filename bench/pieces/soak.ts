import { tools } from "../../tests/e2e/lab/tools.ts";
import { memoryOf } from "../memory.ts";
import { livePods, namespaces, roles } from "../soak/life.ts";
import { longestLateMs, type Reads, startReading } from "../soak/reading.ts";
import { createSoakStage, type SoakStage, sessionMs } from "../soak/stage.ts";
import { median, type Piece, percentile, round } from "../table.ts";

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
  async ({ api }) => api.endWatches("in order"),
  loseStream,
  async ({ api }) => api.endWatches("lost"),
  loseStream,
  async ({ api }) => api.endWatches("expired"),
];
/** All of them once, a full list included: what is garbage comes and goes within this. */
const cycle = incidentEvery * incidents.length;

const measured = ["server", "agent", "reference"] as const;
type Measured = (typeof measured)[number];

/** MiB. */
type Sample = Readonly<Record<Measured, number>> & { readonly events: number };

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
    const startedAtMs = performance.now();
    const samples = await live(stage, reference.pid);
    const seconds = (performance.now() - startedAtMs) / 1_000;
    return {
      title: "A million pod events",
      command: "bun bench/run.ts soak",
      columns: [
        "resident, MiB",
        "25 %",
        "50 %",
        "75 %",
        "100 %",
        "most of the last half, to its start",
        "its end",
        "asked",
      ],
      rows: [
        memoryRow("server", "5 %", samples, "server"),
        memoryRow("agent", "5 %", samples, "agent"),
        memoryRow("reference: a bare watcher of the same", "", samples, "reference"),
      ],
      notes: await notesOf(stage, reading.reads, seconds),
    };
  },
};

async function loseStream({ relay }: SoakStage): Promise<void> {
  await relay.cut();
  await relay.mend();
}

async function live(stage: SoakStage, referencePid: number): Promise<readonly Sample[]> {
  const { api } = stage;
  const pids = { server: stage.server.pid, agent: stage.agent.pid, reference: referencePid };
  const samples: Sample[] = [];
  let happened = 0;
  const sampling = setInterval(async () => {
    const [at, mib] = [happened, async (who: Measured) => (await memoryOf(pids[who])).residentMib];
    const [server, agent, reference] = await Promise.all([mib("server"), mib("agent"), mib("reference")]);
    samples.push({ events: at, server, agent, reference });
  }, sampleEveryMs);
  let lastMs = performance.now();
  for (let turn = 0; happened < events; ) {
    const nowMs = performance.now();
    const due = Math.ceil(((nowMs - lastMs) / 1_000) * mostEventsPerSecond);
    lastMs = nowMs;
    const count = Math.min(due, mostEventsATick, events - happened);
    await api.advance(count);
    happened += count;
    if (happened >= (turn + 1) * incidentEvery) {
      await incidents[turn % incidents.length]?.(stage);
      turn += 1;
    }
    await Bun.sleep(Math.max(0, tickMs - (performance.now() - nowMs)));
  }
  await api.told();
  clearInterval(sampling);
  return samples;
}

function memoryRow(what: string, asked: string, samples: readonly Sample[], who: Measured): readonly string[] {
  const cycles = Array.from({ length: events / cycle }, (_, number) =>
    median(samples.filter((sample) => Math.floor(sample.events / cycle) === number).map((sample) => sample[who])),
  );
  const at = (part: number): number => cycles[Math.round(part * cycles.length) - 1] ?? Number.NaN;
  const [start = Number.NaN, ...later] = cycles.slice(cycles.length / 2);
  const grown = (mib: number): string => `${mib < start ? "−" : "+"}${round(Math.abs(mib / start - 1) * 100, 1)} %`;
  const quarters = [0.25, 0.5, 0.75, 1].map((part) => round(at(part)));
  return [what, ...quarters, grown(Math.max(...later)), grown(at(1)), asked];
}

async function notesOf(stage: SoakStage, reads: Reads, seconds: number): Promise<string> {
  const { server, agent, api } = stage;
  const passing = [...reads.passing].map(([status, count]) => `${count} × ${status}`).join(", ");
  const worst = [...reads.failed, ...reads.foreign].slice(0, 3).join("; ");
  return [
    `${events.toLocaleString("en")} events in ${round(seconds)} s (${round(events / seconds)} a second), of 2.6 KB each, from an API server of the bench over TLS, which real ones can't do on this machine: ${livePods} live pods in ${namespaces} namespaces on 100 nodes, a tenth of them on the agent's; they come, are scheduled, get an address that another has just left, change their annotations and go; namespaces change to patterns never seen before; ${roles} roles, their credentials expire after ${sessionMs / 1_000} s.`,
    `Every ${incidentEvery.toLocaleString("en")} events a watch ends, is lost or expires, or the agent's stream is lost. Each figure is the median of an eighth of the run, all of that and a full list included.`,
    `Meanwhile ${reads.steady} reads of pods that stayed: ${reads.failed.length} failed, p99 ${round(percentile(reads.tookMs, 0.99))} ms; of pods that came and went: ${passing}; credentials of a role that nobody at the address had had for ${longestLateMs / 1_000} s: ${reads.foreign.length}. ${worst}`.trim(),
    `${stage.stsCalls()} calls of STS, ${await server.metric("kiam_sts_renewals_total")} renewals, ${await server.metric("kiam_policy_denials_total")} denials, ${api.posts} posts of events, ${await server.metric("kiam_k8s_lists_total")} full lists, ${await agent.metric("kiam_agent_feed_streams_total")} streams of the agent.`,
  ].join(" ");
}
