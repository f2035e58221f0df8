import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { alertsPath, readDashboard } from "../fixtures/dashboard.ts";
import { readMetricsTable, servedBy } from "../fixtures/metrics-table.ts";
import { askServer } from "./lab/ask-server.ts";
import type { KiamProcess } from "./lab/kiam.ts";
import { createLab, type Lab } from "./lab/lab.ts";
import type { LabNode } from "./lab/node.ts";
import { repository, tools } from "./lab/tools.ts";
import { waitFor } from "./lab/wait.ts";
import { type LabPrometheus, startPrometheus } from "./set-up/prometheus.ts";

// What operators see of running processes after some of everything has happened: metrics, as Prometheus reads them, and logs.

const undo = new AsyncDisposableStack();
let lab: Lab;
let server: KiamProcess;
let node: LabNode;
let agent: KiamProcess;
let prometheus: LabPrometheus;
/** What must be in no log, metric or event. */
const secrets: string[] = [];

const listing = "/latest/meta-data/iam/security-credentials/";
const externalIds = ["ext-id-of-ok-4711", "ext-id-of-denied-4712"];

beforeAll(async () => {
  lab = undo.use(await createLab());
  await lab.api.createNamespace("team", { "iam.amazonaws.com/permitted": ".*role/team-.*" });
  server = await lab.startServer();
  await server.ready();
  node = await lab.addNode("node-1");
  agent = await node.startAgent();
  await agent.ready();
  await someOfEverything();
  prometheus = await startPrometheus(lab, undo, { "kiam-server": [server], "kiam-agent": [agent] });
});
afterAll(() => undo.disposeAsync());

async function someOfEverything(): Promise<void> {
  const withId = (id = "") => ({ annotations: { "iam.amazonaws.com/external-id": id } });
  const ok = await node.deployPod({
    namespace: "team",
    name: "ok",
    address: "10.244.1.5",
    role: "team-ok",
    ...withId(externalIds[0]),
  });
  const denied = await node.deployPod({
    namespace: "team",
    name: "denied",
    address: "10.244.1.6",
    role: "admin",
    ...withId(externalIds[1]),
  });
  const plain = await node.deployPod({ namespace: "team", name: "plain", address: "10.244.1.7" });
  const token = await ok.http("/latest/api/token", {
    method: "PUT",
    headers: { "X-aws-ec2-metadata-token-ttl-seconds": "60" },
  });
  const headers = { "X-aws-ec2-metadata-token": token.body };
  secrets.push(token.body, ...externalIds);
  for (const path of [listing, `${listing}team-ok`, `${listing}team-other`, "/latest/user-data", "/ping"]) {
    await ok.http(path, { headers });
  }
  await denied.http(`${listing}admin`);
  const unknown = await node.addPod({ name: "unknown", address: "10.244.1.8", veth: "caliunknown" });
  await unknown.http(listing); // Asked of the server, which does not know it either.
  await plain.http(listing);
  await node.netns.fetch(`http://${node.address}:3100/health`);
  const asGoAgent = { address: server.address, identity: await lab.agentCertificate(), podAddress: ok.address };
  await askServer(node.netns, { ...asGoAgent, role: "team-ok" });
  await askServer(node.netns, { ...asGoAgent, role: "team-other" });
  await askServer(node.netns, { ...asGoAgent, podAddress: "10.244.1.99", role: "team-ok" });
  secrets.push(
    ...(await lab.sts.assumed()).flatMap(({ secretAccessKey, token: session }) => [secretAccessKey, session]),
  );
}

test.each(["agent", "server"] as const)(
  "the %s serves what docs/METRICS.md says, with those types and labels",
  async (which) => {
    const rows = servedBy(await readMetricsTable(), which);

    const text = await (await (which === "agent" ? agent : server).telemetry("/metrics")).text();
    const served = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => `${type} ${name}`);
    const lines = [...text.matchAll(/^([a-zA-Z0-9_]+)\{(.*)\} /gm)].map(([, name = "", labels = ""]) => ({
      name,
      labels,
    }));

    expect(served.sort()).toEqual(rows.map(({ name, type }) => `${type} ${name}`).sort());
    for (const { name, labels } of lines) {
      const row = rows.find(
        (each) => name === each.name || (each.type === "histogram" && name.startsWith(`${each.name}_`)),
      );
      const names = [...labels.matchAll(/(\w+)="/g)].map(([, label]) => label).filter((label) => label !== "le");
      expect([name, names.sort()]).toEqual([name, [...(row?.labels ?? [])].sort()] as never);
    }
  },
);

test("what the Go release's dashboard shows has moved", async () => {
  const grpc = "grpc_server_handled_total";
  const moved: readonly (readonly [KiamProcess, string, Readonly<Record<string, string>>])[] = [
    ...["roleName", "credentials"].flatMap((handler) => [
      [agent, "kiam_metadata_handler_latency_seconds_count", { handler }] as const,
      [agent, "kiam_metadata_success_total", { handler }] as const,
      [agent, "kiam_metadata_responses_total", { handler, code: "200" }] as const,
    ]),
    [agent, "kiam_agent_lookups_total", {}],
    [server, "kiam_k8s_pods", {}],
    [server, "kiam_k8s_events_total", { outcome: "posted" }],
    [server, "kiam_sts_cacheSize", {}],
    [server, "kiam_sts_cache_hit_total", {}],
    [server, "kiam_sts_assumerole_timing_seconds_count", {}],
    [
      server,
      grpc,
      { grpc_type: "unary", grpc_service: "kiam.KiamService", grpc_method: "GetPodCredentials", grpc_code: "OK" },
    ],
    [server, grpc, { grpc_service: "kiam.KiamService", grpc_method: "GetPodRole", grpc_code: "Unknown" }],
    [server, "grpc_server_started_total", { grpc_type: "server_stream", grpc_method: "WatchNode" }],
    [agent, "grpc_client_started_total", { grpc_type: "server_stream", grpc_service: "kiam.v1.NodeService" }],
  ];

  const still: string[] = [];
  for (const [process, name, labels] of moved) {
    if ((await process.metric(name, labels)) === 0) {
      still.push(`${name} ${JSON.stringify(labels)}`);
    }
  }

  expect(still).toEqual([]);
  expect(await agent.metric("kiam_metadata_proxy_requests_blocked_total")).toBe(1);
  expect(await agent.metric("kiam_metadata_empty_role_total", { handler: "roleName" })).toBe(1);
  expect(await agent.metric("kiam_metadata_responses_total", { handler: "credentials", code: "403" })).toBe(2);
  expect(await agent.metric("kiam_metadata_responses_total", { handler: "health" })).toBe(1);
  expect(await server.metric("kiam_k8s_dropped_pods_total")).toBe(0);
});

test("Prometheus understands every panel of the dashboard, and has something for it", async () => {
  const expressions = (await readDashboard()).panels.flatMap((panel) => (panel.targets ?? []).map(({ expr }) => expr));

  const empty: string[] = [];
  for (const expression of expressions) {
    if ((await prometheus.query(expression.replaceAll("$__rate_interval", "1m"))) === 0) {
      empty.push(expression);
    }
  }

  expect(expressions.length).toBeGreaterThan(40);
  expect(empty).toEqual([]);
});

test("Prometheus takes the alerts, and on a sound cluster none fires at once", async () => {
  const checked = await lab.control.run([tools.prometheus("promtool"), "check", "rules", alertsPath]);
  const alerts = await waitFor("the alerts to be worked out", async () => {
    const all = await prometheus.alerts();
    return all.every(({ health }) => health !== "unknown") ? all : undefined;
  });

  expect([checked.exitCode, checked.stderr]).toEqual([0, ""]);
  expect(alerts.filter(({ health }) => health !== "ok")).toEqual([]);
  expect(alerts.filter(({ state }) => state === "firing").map(({ name }) => name)).toEqual([]);
});

test("a redirect that somebody takes away is counted when it is back", async () => {
  const repairs = () => agent.metric("kiam_agent_redirect_repairs_total");
  const before = await repairs();

  await node.netns.must(["iptables", "-t", "nat", "-F", "PREROUTING"]);
  await waitFor("the repair", async () => ((await repairs()) === 1 ? true : undefined));

  expect(before).toBe(0);
  expect(await node.netns.must(["iptables", "-t", "nat", "-S", "PREROUTING"])).toContain("-j ");
});

test("an agent that loses its servers is an alert that waits, and one that is served again is none", async () => {
  const notInSync = () => prometheus.query('ALERTS{alertname="KiamAgentNotInSync"}');

  await server.stop("SIGTERM");
  await waitFor("the alert", async () => ((await notInSync()) === 1 ? true : undefined));
  const next = await lab.startServer();
  await next.ready();
  await waitFor("its end", async () => ((await notInSync()) === 0 ? true : undefined), 30_000);
});

/** Every line of both, as JSON. */
function logLines(): readonly Readonly<Record<string, unknown>>[] {
  return `${server.output()}${agent.output()}`
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

test("every log line is JSON, has time, level and msg, and only keys of docs/LOGS.md", async () => {
  const documented = [
    ...(await Bun.file(join(repository, "docs/LOGS.md")).text()).matchAll(
      /^\| `([\w.-]+)` \| (?:both|agent|server) \|/gm,
    ),
  ].map(([, key = ""]) => key);

  const lines = logLines();

  expect(lines.length).toBeGreaterThan(20);
  expect(
    lines.filter(
      ({ time, level, msg }) =>
        Number.isNaN(Date.parse(String(time))) || !/^(debug|info|warning|error)$/.test(String(level)) || msg === "",
    ),
  ).toEqual([]);
  expect([...new Set(lines.flatMap(Object.keys))].filter((key) => !documented.includes(key))).toEqual([]);
});

test.each([
  ...["pod.name", "pod.namespace", "pod.ip", "pod.status.ip", "pod.status.phase"],
  ...["pod.iam.role", "pod.iam.requestedRole", "pod.iam.roleArn"],
  ...["credentials.access.key", "credentials.expiration", "credentials.role", "credentials.session-name"],
  ...["policy.explanation", "namespace", "namespace.permitted", "resource.version", "generation.metadata"],
  ...["addr", "method", "path", "status", "duration"],
])("the Go release's key %s is in use", (key) => {
  expect(logLines().some((line) => key in line)).toBe(true);
});

test("each credential that a pod was first handed has one audit line", async () => {
  const handed = logLines().filter(({ msg }) => msg === "credentials handed to pod");
  const issued = await lab.sts.assumed();

  expect(handed.map((line) => `${line["pod.namespace"]}/${line["pod.name"]} ${line["pod.iam.roleArn"]}`)).toEqual([
    "team/ok arn:aws:iam::123456789012:role/team-ok",
  ]);
  expect(issued.map(({ accessKeyId }) => accessKeyId)).toContain(String(handed[0]?.["credentials.access.key"]));
});

test("no secret key, token or external id is in a log at debug, a metric or an event", async () => {
  const [logs, agentMetrics, events] = [
    `${server.output()}${agent.output()}`,
    await (await agent.telemetry("/metrics")).text(),
    JSON.stringify((await lab.api.request("GET", "/api/v1/events")).body),
  ];
  const everything = logs + agentMetrics + events;

  expect(secrets.length).toBeGreaterThanOrEqual(5);
  expect(secrets.filter((secret) => secret === "" || everything.includes(secret))).toEqual([]);
  expect(everything).not.toContain("PRIVATE KEY");
  expect(events).toContain("KiamRoleForbidden");
});
