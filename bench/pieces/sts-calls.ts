import { createLab } from "../../tests/e2e/lab/lab.ts";
import { tools } from "../../tests/e2e/lab/tools.ts";
import { waitFor } from "../../tests/e2e/lab/wait.ts";
import type { Piece } from "../table.ts";

const replicas = 3;
const nodes = 30;
const pods = 1_000;
const identities = 100;
const firstPort = 3200;

/** How often STS is called for one cluster: each replica for what the nodes use whose streams it holds, and no more. */
export const stsCalls: Piece = {
  name: "sts-calls",
  async run() {
    await using lab = await createLab();
    await lab.api.createNamespace("bench", { "iam.amazonaws.com/permitted": ".*" });
    const servers = await Promise.all(
      Array.from({ length: replicas }, () => lab.startServer({ flags: { level: "info" } })),
    );
    await Promise.all(servers.map((server) => server.ready()));
    for (let number = 0; number < pods; number += 1) {
      await lab.api.createPod({
        ...{ namespace: "bench", name: `pod-${number}`, nodeName: `node-${number % nodes}` },
        annotations: { "iam.amazonaws.com/role": `role-${number % identities}` },
      });
    }

    await using agents = new AsyncDisposableStack();
    for (let number = 0; number < nodes; number += 1) {
      const { cert, key, ca } = await lab.nodeCertificate(`node-${number}`);
      agents.use(
        lab.control.start(`agent ${number}`, [
          ...[tools.kiam(), "agent", "--cert", cert, "--key", key, "--ca", ca, "--port", String(firstPort + number)],
          ...["--server-address", "kiam-server:9610", "--node-name", `node-${number}`],
        ]),
      );
    }
    const streams = () => Promise.all(servers.map((server) => server.metric("kiam_feed_streams")));
    await waitFor("every agent's stream", async () => sum(await streams()) === nodes || undefined, 60_000);
    const held = () => Promise.all(servers.map((server) => server.metric("kiam_sts_cacheSize")));
    const inFlight = () => Promise.all(servers.map((server) => server.metric("kiam_sts_assumerole_current")));
    await waitFor(
      "the last call",
      async () => (sum(await held()) > 0 && sum(await inFlight()) === 0) || undefined,
      60_000,
    );
    await Bun.sleep(10_000);

    const calls = (await lab.sts.assumed()).length;
    return {
      title: "Calls of STS",
      command: "bun bench/run.ts sts-calls",
      columns: [
        "replicas",
        "nodes",
        "pods",
        "identities",
        "streams a replica",
        "identities a replica",
        "calls",
        "at most",
      ],
      rows: [
        [
          ...[replicas, nodes, pods, identities].map(String),
          (await streams()).join(", "),
          (await held()).join(", "),
          `${calls}`,
          `${sum(await held())} (identities × replicas whose nodes use them; ${identities * replicas} where all do)`,
        ],
      ],
      notes:
        "Thirty compiled agents, three compiled servers, moto. Counted by moto, ten seconds after the last agent was in sync.",
    };
  },
};

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
