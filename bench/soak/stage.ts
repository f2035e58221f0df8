import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Authority, createAuthority, type Identity } from "../../tests/e2e/lab/pki.ts";
import { type LabProcess, startProgram } from "../../tests/e2e/lab/process.ts";
import { tools } from "../../tests/e2e/lab/tools.ts";
import { waitFor } from "../../tests/e2e/lab/wait.ts";
import { createRelay, type Relay } from "../../tests/fakes/relay.ts";
import { assumeRoleXml, credentialsXml, errorXml, serveFakeSts } from "../../tests/fakes/sts.ts";
import { createDice } from "../../tests/fixtures/dice.ts";
import { freePort } from "../../tests/fixtures/free-port.ts";
import { createTestAuthority } from "../../tests/fixtures/tls.ts";
import { type LiveApi, startLiveApi } from "./api.ts";
import { createLife, isRefused, type Life, watchedNode } from "./life.ts";

/** A compiled server and the compiled agent of one node, in a cluster that is all churn, on the loopback. */
export interface SoakStage extends AsyncDisposable {
  readonly life: Life;
  readonly api: LiveApi;
  readonly server: Measured;
  readonly agent: Measured & { readonly port: number };
  /** Between the agent and the server. */
  readonly relay: Relay;
  readonly apiCaPath: string;
  readonly stsCalls: () => number;
  start(name: string, argv: readonly string[]): LabProcess;
}

export interface Measured {
  readonly pid: number;
  /** The sum of a metric's lines. */
  metric(name: string): Promise<number>;
}

/** Short, so that everything is renewed all the time: after two thirds of it. */
export const sessionMs = 60_000;
const connectionAge = "30s";
const awsKeys = { AWS_ACCESS_KEY_ID: "AKIABENCH", AWS_SECRET_ACCESS_KEY: "bench" };

export async function createSoakStage(seed: number): Promise<SoakStage> {
  await using undo = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), "kiam-soak-"));
  undo.defer(() => rm(directory, { recursive: true, force: true }));
  const authority = await createAuthority(join(directory, "pki"), "soak");
  const sts = undo.use(serveSts());
  const life = createLife(createDice(seed));
  const apiTls = createTestAuthority("soak API server").issue({ names: ["IP:127.0.0.1"], usage: "server" });
  const api = undo.use(await startLiveApi(life, apiTls));
  const [kubeconfig, apiCaPath] = [join(directory, "kubeconfig"), join(directory, "api-ca.pem")];
  await writeFile(apiCaPath, apiTls.ca);
  await writeFile(kubeconfig, kubeconfigOf(api.baseUrl, apiTls.ca));

  const server = undo.use(await startServer(authority, kubeconfig, sts.url));
  const target = () => ({ host: "127.0.0.1", port: server.port });
  const relay = undo.use(await createRelay({ address: "127.0.0.1", port: 0, target }));
  const agent = undo.use(await startAgent(authority, relay.port));
  const made = undo.move();
  return {
    ...{ life, api, server, agent, relay, apiCaPath },
    stsCalls: () => sts.requests.length,
    start: (name, argv) => startProgram(name, argv, { disposeSignal: "SIGKILL" }),
    [Symbol.asyncDispose]: () => made.disposeAsync(),
  };
}

function serveSts() {
  let serial = 0;
  return serveFakeSts((form) => {
    serial += 1;
    const role = (form.get("RoleArn") ?? "").split("/").at(-1) ?? "";
    return isRefused(role)
      ? errorXml(403, "AccessDenied", `call ${serial}: not authorized to assume ${role}`)
      : assumeRoleXml(credentialsXml(new Date(Date.now() + sessionMs).toISOString(), `ASIA-${role}-${serial}`));
  });
}

async function startServer(authority: Authority, kubeconfig: string, stsUrl: string) {
  const identity = await authority.issue({
    ...{ commonName: "kiam-server", names: ["DNS:localhost"], usage: "serverAuth,clientAuth" },
  });
  const port = await freePort();
  const started = await startKiam("server", identity, awsKeys, [
    ...[`--bind=127.0.0.1:${port}`, `--kubeconfig=${kubeconfig}`, `--sts-endpoint=${stsUrl}`],
    ...["--agent-identity=required", "--role-base-arn=arn:aws:iam::123456789012:role/", "--session-duration=15m"],
    ...[`--grpc-max-connection-age-duration=${connectionAge}`, "--grpc-max-connection-age-grace-duration=5s"],
  ]);
  return { ...started, port };
}

async function startAgent(authority: Authority, serverPort: number) {
  const names = [`DNS:${watchedNode}.node.kiam`];
  const identity = await authority.issue({ commonName: "kiam-agent", names, usage: "clientAuth" });
  const port = await freePort();
  const flags = [`--server-address=localhost:${serverPort}`, `--node-name=${watchedNode}`, `--port=${port}`];
  return { ...(await startKiam("agent", identity, {}, flags)), port };
}

async function startKiam(
  command: "server" | "agent",
  { cert, key, ca }: Identity,
  env: Readonly<Record<string, string>>,
  flags: readonly string[],
): Promise<LabProcess & Measured> {
  const telemetry = `127.0.0.1:${await freePort()}`;
  const started = startProgram(
    command,
    [
      ...[tools.kiam(), command, `--cert=${cert}`, `--key=${key}`, `--ca=${ca}`, ...flags],
      ...[`--prometheus-listen-addr=${telemetry}`, "--json-log", "--level=info"],
    ],
    { env },
  );
  const isReady = async () => (await fetch(`http://${telemetry}/readyz`)).ok || undefined;
  await waitFor(`the ${command} to be ready`, isReady, 60_000);
  return {
    ...started,
    async metric(name) {
      const text = await (await fetch(`http://${telemetry}/metrics`)).text();
      const lines = [...text.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, "gm"))];
      return lines.reduce((sum, [, value]) => sum + Number(value), 0);
    },
  };
}

function kubeconfigOf(server: string, ca: string): string {
  const authority = Buffer.from(ca).toString("base64");
  return JSON.stringify({
    ...{ apiVersion: "v1", kind: "Config", "current-context": "soak" },
    clusters: [{ name: "soak", cluster: { server, "certificate-authority-data": authority } }],
    users: [{ name: "soak", user: { token: "soak" } }],
    contexts: [{ name: "soak", context: { cluster: "soak", user: "soak", namespace: "kiam" } }],
  });
}
