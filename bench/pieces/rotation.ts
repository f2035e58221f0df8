import { createLab } from "../../tests/e2e/lab/lab.ts";
import { failed, startReader } from "../../tests/e2e/lab/reader.ts";
import { waitFor } from "../../tests/e2e/lab/wait.ts";
import { startRotatingPair } from "../../tests/e2e/set-up/rotation.ts";
import { type Piece, percentile, round } from "../table.ts";

const rotations = 100;
const perSecond = 200;
const path = "/latest/meta-data/iam/security-credentials/reader";

/** What pods notice of certificates that are replaced again and again. */
export const rotation: Piece = {
  name: "rotation",
  async run() {
    await using lab = await createLab();
    await lab.api.createNamespace("bench", { "iam.amazonaws.com/permitted": ".*" });
    const node = await lab.addNode("node-1");
    const pair = await startRotatingPair(lab, (identity) => node.startAgent({ identity }), node.name);
    const pod = await node.deployPod({ namespace: "bench", name: "reader", address: "10.244.1.9", role: "reader" });
    await waitFor("the credentials", async () => (await pod.http(path)).status === 200 || undefined);

    const reader = startReader(pod, path, perSecond);
    while (pair.rotations < rotations) {
      // Every fifth time the authority changes as well.
      await (pair.rotations % 10 === 0 ? pair.rotateAuthority() : pair.rotate());
    }
    const reads = await reader.stop();

    const tookMs = reads.map(({ tookMs }) => tookMs);
    const errors = await Promise.all([
      pair.server.metric("grpc_server_tls_certificate_update_error"),
      pair.agent.metric("grpc_client_tls_certificate_update_error"),
    ]);
    return {
      title: "Certificates replaced",
      command: "bun bench/run.ts rotation",
      columns: ["rotations", "reads", "failed", "p50", "p99", "slowest", "files refused", "agent's streams"],
      rows: [
        [
          String(pair.rotations),
          String(reads.length),
          String(failed(reads).length),
          ...[percentile(tookMs, 0.5), percentile(tookMs, 0.99), Math.max(...tookMs)].map((ms) => `${round(ms, 1)} ms`),
          String(errors[0] + errors[1]),
          String(await pair.agent.metric("kiam_agent_feed_streams_total")),
        ],
      ],
      notes: `A compiled server whose files are written in place, a compiled agent with a Secret mounted as the kubelet does, ${perSecond} reads a second, each on its own connection.`,
    };
  },
};
