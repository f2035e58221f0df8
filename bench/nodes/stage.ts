import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Authority, createAuthority } from "../../tests/e2e/lab/pki.ts";
import { type LabProcess, startProgram } from "../../tests/e2e/lab/process.ts";
import { tools } from "../../tests/e2e/lab/tools.ts";
import { waitFor } from "../../tests/e2e/lab/wait.ts";
import { freePort } from "../../tests/fixtures/free-port.ts";
import { type SyntheticCluster, startCluster } from "./cluster.ts";
import { type Fleet, startFleet } from "./fleet.ts";

export const nodes = 1_000;
export const podsPerNode = 30;
/** Of the pods; one more is shared by all nodes. */
export const roles = 300;

/** A thousand nodes' worth of everything, on the loopback. */
export interface Stage extends AsyncDisposable {
  readonly cluster: SyntheticCluster;
  startServer(): Promise<StageServer>;
  startFleet(servers: readonly StageServer[]): Fleet;
}

/** A compiled server that is ready. */
export interface StageServer extends LabProcess {
  readonly address: string;
}

/** How long before they expire credentials are renewed: those of the shared role some 40 s after they came. */
const refresh = "860s";

export async function createStage(): Promise<Stage> {
  await using undo = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "kiam-bench-"));
  undo.defer(() => rm(directory, { recursive: true, force: true }));
  const cluster = undo.use(await startCluster({ nodes, podsPerNode, roles }));
  const authority = await createAuthority(join(directory, "pki"), "bench");
  const kubeconfig = join(directory, "kubeconfig");
  await writeFile(kubeconfig, kubeconfigOf(cluster.apiUrl));
  const guests = undo.use(new AsyncDisposableStack());
  const made = undo.move();

  return {
    cluster,
    startServer: async () => guests.use(await startServer(cluster, kubeconfig, authority)),
    startFleet: (servers) =>
      guests.use(startFleet({ nodes, servers: servers.map(({ address }) => address), ca: authority.certificate })),
    [Symbol.asyncDispose]: () => made.disposeAsync(),
  };
}

async function startServer(cluster: SyntheticCluster, kubeconfig: string, authority: Authority): Promise<StageServer> {
  const { cert, key, ca } = await authority.issue({
    ...{ commonName: "kiam-server", names: ["DNS:kiam-server"], usage: "serverAuth,clientAuth" },
  });
  const address = `127.0.0.1:${await freePort()}`;
  const telemetry = `127.0.0.1:${await freePort()}`;
  const started = startProgram(
    `server ${address}`,
    [
      ...[tools.kiam(), "server", `--cert=${cert}`, `--key=${key}`, `--ca=${ca}`, `--bind=${address}`],
      ...[`--kubeconfig=${kubeconfig}`, `--sts-endpoint=${cluster.sts.url}`, "--agent-identity=required"],
      ...["--role-base-arn=arn:aws:iam::123456789012:role/", "--session-duration=15m", `--session-refresh=${refresh}`],
      ...[`--prometheus-listen-addr=${telemetry}`, "--json-log", "--level=warn"],
    ],
    { env: { AWS_ACCESS_KEY_ID: "AKIABENCH", AWS_SECRET_ACCESS_KEY: "bench" }, disposeSignal: "SIGKILL" },
  );
  const isReady = async () => (await fetch(`http://${telemetry}/readyz`)).ok || undefined;
  await waitFor(`${started.name} to be ready`, isReady, 60_000);
  return { ...started, address };
}

function kubeconfigOf(server: string): string {
  return JSON.stringify({
    ...{ apiVersion: "v1", kind: "Config", "current-context": "bench" },
    clusters: [{ name: "bench", cluster: { server } }],
    users: [{ name: "bench", user: { token: "bench" } }],
    contexts: [{ name: "bench", context: { cluster: "bench", user: "bench", namespace: "kiam" } }],
  });
}

/** Seconds that a process has had of a core. */
export async function cpuSecondsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  const [user, system] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13);
  return (Number(user) + Number(system)) / ticksPerSecond;
}

/** USER_HZ, the same on all Linux machines. */
const ticksPerSecond = 100;
