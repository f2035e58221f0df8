import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createLab } from "../../tests/e2e/lab/lab.ts";
import { tools } from "../../tests/e2e/lab/tools.ts";
import { median, type Piece, round } from "../table.ts";
import { type Load, load } from "../wrk.ts";

const rounds = 5;
const roundSeconds = 3;
const referencePort = 3998;

/** Credentials from the agent's store, beside a bare server that sends the same bytes. */
export const answers: Piece = {
  name: "answers",
  async run() {
    await using lab = await createLab();
    await lab.api.createNamespace("bench", { "iam.amazonaws.com/permitted": ".*" });
    await (await lab.startServer({ flags: { level: "info" } })).ready();
    const node = await lab.addNode("node-1");
    const agent = await node.startAgent({ flags: { level: "info" } });
    await agent.ready();
    const pod = await node.deployPod({ namespace: "bench", name: "load", address: "10.244.1.5", role: "reader" });

    const path = "/latest/meta-data/iam/security-credentials/reader";
    const agentUrl = `http://${node.address}:3100${path}`;
    const body = join(lab.directory, "body.json");
    await writeFile(body, (await pod.http(agentUrl)).body);
    const program = new URL("../reference/bare-http.ts", import.meta.url).pathname;
    const reference = node.netns.start("reference", [tools.bun(), program, node.address, String(referencePort), body]);
    await using _reference = reference;
    await reference.waitForLog(/listening/);
    const referenceUrl = `http://${node.address}:${referencePort}${path}`;

    const rows: string[][] = [];
    for (const connections of [1, 16, 64]) {
      await load(pod, agentUrl, connections, 1);
      await load(pod, referenceUrl, connections, 1);
      const ours: Load[] = [];
      const bare: Load[] = [];
      for (let turn = 0; turn < rounds; turn += 1) {
        ours.push(await load(pod, agentUrl, connections, roundSeconds));
        bare.push(await load(pod, referenceUrl, connections, roundSeconds));
      }
      rows.push(rowOf(connections, ours, bare));
    }

    const startedBefore = await agent.metric("grpc_client_started_total");
    await load(pod, agentUrl, 1, 1);
    const calls = (await agent.metric("grpc_client_started_total")) - startedBefore;
    return {
      title: "Credentials from the agent",
      command: "bun bench/run.ts answers",
      columns: [
        "connections",
        "agent, requests/s",
        "bare node:http",
        "ratio",
        "p99 agent, ms",
        "p99 bare, ms",
        "ratio",
      ],
      rows,
      notes: `Medians of ${rounds} alternating rounds of ${roundSeconds} s each, wrk with one thread in a pod's namespace on the same two cores. Asked: ratio at least 0.6, aim 0.85; p99 at most 1.5 times. A second of such requests had the agent start ${calls} calls of a server.`,
    };
  },
};

function rowOf(connections: number, ours: readonly Load[], bare: readonly Load[]): string[] {
  const middle = (loads: readonly Load[], of: (one: Load) => number) => median(loads.map(of));
  const rate = (loads: readonly Load[]) => middle(loads, ({ requestsPerSecond }) => requestsPerSecond);
  const late = (loads: readonly Load[]) => middle(loads, ({ p99Ms }) => p99Ms);
  return [
    `${connections}`,
    round(rate(ours)),
    round(rate(bare)),
    round(rate(ours) / rate(bare), 2),
    round(late(ours), 2),
    round(late(bare), 2),
    round(late(ours) / late(bare), 2),
  ];
}
