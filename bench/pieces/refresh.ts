import { createLab, type Lab } from "../../tests/e2e/lab/lab.ts";
import type { LabPod } from "../../tests/e2e/lab/pod.ts";
import type { LabProcess } from "../../tests/e2e/lab/process.ts";
import { failed, type Read, type Reader, startReader } from "../../tests/e2e/lab/reader.ts";
import { tools } from "../../tests/e2e/lab/tools.ts";
import { waitFor } from "../../tests/e2e/lab/wait.ts";
import { type Piece, percentile, round } from "../table.ts";

const identities = 100;
const readers = 4;
const readsPerSecond = 200;
const stsMs = 500;
const fetchers = 8;
const refreshingSeconds = 60;
const referenceSeconds = 30;
const proxyPort = 4571;

/** Reads of pods whose credentials are renewed every twenty seconds at a slow STS. */
export const refresh: Piece = {
  name: "refresh",
  async run() {
    await using lab = await createLab();
    await lab.api.createNamespace("bench", { "iam.amazonaws.com/permitted": ".*" });
    await using proxy = await startProxy(lab);
    const server = await lab.startServer({
      flags: {
        ...{ level: "info", fetchers: String(fetchers), "sts-endpoint": proxy.endpoint },
        ...{ "session-duration": "15m", "session-refresh": "880s" },
      },
    });
    await server.ready();
    const node = await lab.addNode("node-1");
    await (await node.startAgent({ flags: { level: "info" } })).ready();
    const pods: LabPod[] = [];
    for (let number = 0; number < readers; number += 1) {
      const address = `10.244.1.${number + 2}`;
      pods.push(
        await node.deployPod({ namespace: "bench", name: `reader-${number}`, address, role: `role-${number}` }),
      );
    }
    // The other identities' pods only are there.
    for (let number = readers; number < identities; number += 1) {
      const annotations = { "iam.amazonaws.com/role": `role-${number}` };
      await lab.api.createPod({ namespace: "bench", name: `pod-${number}`, nodeName: node.name, annotations });
    }
    const held = async () => ((await server.metric("kiam_sts_cacheSize")) === identities ? true : undefined);
    await waitFor("all identities to be held", held, 60_000);
    const readFor = async (seconds: number): Promise<readonly Read[]> => {
      const reading: readonly Reader[] = pods.map((pod, number) =>
        startReader(pod, `/latest/meta-data/iam/security-credentials/role-${number}`, readsPerSecond / readers),
      );
      await Bun.sleep(seconds * 1_000);
      return (await Promise.all(reading.map((reader) => reader.stop()))).flat();
    };

    const [callsBefore, renewalsBefore] = [(await lab.sts.assumed()).length, await server.metric(renewalsTotal)];
    const refreshing = await readFor(refreshingSeconds);
    const renewals = (await server.metric(renewalsTotal)) - renewalsBefore;
    const calls = (await lab.sts.assumed()).length - callsBefore;
    const mostUp = Number(/.*up (\d+)/s.exec(proxy.process.output())?.[1]);
    await server.stop();
    const reference = await readFor(referenceSeconds);

    return {
      title: "Reads while everything is renewed",
      command: "bun bench/run.ts refresh",
      columns: ["", "reads", "failed", "p50, ms", "p99, ms", "p99.9, ms", "slowest, ms"],
      rows: [
        row(`${identities} identities renewed every 20 s`, refreshing),
        ["asked", "", "0", "", "", "50", "250"],
        row("reference: nothing renewed, the server stopped", reference),
      ],
      notes: `${readers} pods, ${readsPerSecond} reads a second in all, each on a connection of its own; STS is moto behind a proxy that waits ${stsMs} ms; \`--session-duration 15m --session-refresh 880s --fetchers ${fetchers}\`. In ${refreshingSeconds} s: ${renewals} renewals, ${calls} calls of STS (asked: one a renewal; up to ${fetchers} are under way when counted), at most ${mostUp} at once (asked: ${fetchers}).`,
    };
  },
};

const renewalsTotal = "kiam_sts_renewals_total";

interface Proxy extends AsyncDisposable {
  readonly endpoint: string;
  readonly process: LabProcess;
}

async function startProxy(lab: Lab): Promise<Proxy> {
  const { hostname } = new URL(lab.sts.endpoint);
  const process = lab.control.start("delay", [
    ...[tools.bun(), new URL("../delay-proxy.ts", import.meta.url).pathname],
    ...[hostname, String(proxyPort), lab.sts.endpoint, String(stsMs)],
  ]);
  await process.waitForLog(/listening/);
  return {
    endpoint: `http://${hostname}:${proxyPort}`,
    process,
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
  };
}

function row(what: string, reads: readonly Read[]): readonly string[] {
  const tookMs = reads.map((read) => read.tookMs);
  return [
    what,
    String(reads.length),
    String(failed(reads).length),
    ...[0.5, 0.99, 0.999].map((part) => round(percentile(tookMs, part), 1)),
    round(Math.max(...tookMs), 1),
  ];
}
