import { expect, test } from "bun:test";
import { waitFor } from "../e2e/lab/wait.ts";
import type { LogLine } from "../fakes/recording-logger.ts";
import { callerOf } from "./cluster/caller.ts";
import { hurriedClock } from "./cluster/clocks.ts";
import { createCluster } from "./cluster/cluster.ts";
import { keepAsking } from "./cluster/keep-asking.ts";
import { createPki } from "./cluster/pki.ts";
import { credentialsOf, podAt } from "./cluster/pod-client.ts";
import { aPodWithRole } from "./cluster/world.ts";

const address = "127.1.0.1";

/** Resolves once the process has taken its files into use for the nth time. */
const taken = ({ lines }: { readonly lines: readonly LogLine[] }, times: number) =>
  waitFor("the TLS files to be taken into use", () => {
    const told = lines.filter(({ message }) => message === "TLS files changed and are in use");
    return told.length >= times || undefined;
  });

test("authority, certificates and keys of both sides are replaced, and no request or call fails", async () => {
  await using cluster = await createCluster(1, { tlsClock: hurriedClock });
  const [server] = cluster.replicas;
  if (server === undefined) {
    throw new Error("there is no replica");
  }
  cluster.world.put(aPodWithRole("reader", address));
  const agent = await cluster.startAgent({ tlsClock: hurriedClock });
  const pod = podAt(address, agent);
  await waitFor(
    "the credentials",
    credentialsOf(() => pod.credentials("reader")),
  );
  const next = createPki("the next authority");
  const both = cluster.pki.ca + next.ca;
  using other = callerOf(server, { ...cluster.pki.nodeAgent("node-a"), ca: both });
  const stopRequests = keepAsking(() => pod.credentials("reader"));
  const stopCalls = keepAsking(() => other.kiam.getPodRole({ ip: address }));

  await Promise.all([server.files.write({ ca: both }), agent.files.write({ ca: both })]);
  await Promise.all([taken(server, 1), taken(agent, 1)]);
  await Promise.all([
    server.files.write({ ...next.server(), ca: both }),
    agent.files.write({ ...next.nodeAgent("node-a"), ca: both }),
  ]);
  await Promise.all([taken(server, 2), taken(agent, 2)]);
  await waitFor(
    "the agent to come with its new certificate",
    async () => (await agent.metric("kiam_agent_feed_streams_total")) >= 3 || undefined,
  );
  await agent.inSync();
  const calls = await stopCalls();
  await Promise.all([server.files.write({ ca: next.ca }), agent.files.write({ ca: next.ca })]);
  await Promise.all([taken(server, 3), taken(agent, 3)]);
  cluster.world.put(aPodWithRole("writer", "127.1.0.2"));
  const later = await podAt("127.1.0.2", agent).credentials("writer");
  const answers = await stopRequests();

  expect(new Set(answers.map(cluster.roleOf))).toEqual(new Set(["reader"]));
  expect(new Set(calls.map(({ name }) => name))).toEqual(new Set(["reader"]));
  expect(cluster.roleOf(later)).toBe("writer");
  const troubles = [...server.lines, ...agent.lines].filter(({ level }) => level === "error");
  expect(troubles).toEqual([]);
});

test("a withdrawn authority's agents are cut off within 10 s, and the others' streams stay", async () => {
  const withdrawn = createPki("to be withdrawn");
  await using cluster = await createCluster(0);
  const server = await cluster.startReplica({
    tls: { ...cluster.pki.server(), ca: cluster.pki.ca + withdrawn.ca },
  });
  const staying = await cluster.startAgent({ nodeName: "node-a" });
  const leaving = await cluster.startAgent({
    nodeName: "node-b",
    tls: { ...withdrawn.nodeAgent("node-b"), ca: cluster.pki.ca },
  });

  const withdrawnAtMs = performance.now();
  await server.files.write({ ca: cluster.pki.ca });
  await leaving.outOfSync();
  const tookMs = performance.now() - withdrawnAtMs;
  await waitFor(
    "the agent to be refused",
    async () => (await server.metric("kiam_tls_refused_certificates_total")) > 0 || undefined,
  );

  expect(tookMs).toBeLessThan(10_000);
  expect(await staying.metric("kiam_agent_feed_streams_total")).toBe(1);
  expect(await staying.metric("kiam_agent_feed_connected")).toBe(1);
}, 20_000);

test("an agent leaves within 10 s a server whose authority was withdrawn from it, and keeps what it holds", async () => {
  await using cluster = await createCluster();
  cluster.world.put(aPodWithRole("reader", address));
  const another = createPki("another authority");
  const agent = await cluster.startAgent({
    tls: { ...cluster.pki.nodeAgent("node-a"), ca: cluster.pki.ca + another.ca },
  });
  const pod = podAt(address, agent);
  const held = await waitFor(
    "the credentials",
    credentialsOf(() => pod.credentials("reader")),
  );

  const withdrawnAtMs = performance.now();
  await agent.files.write({ ca: another.ca });
  await agent.outOfSync();
  const tookMs = performance.now() - withdrawnAtMs;
  const kept = await pod.credentials("reader");
  await agent.files.write({ ca: cluster.pki.ca });
  await agent.inSync();

  expect(tookMs).toBeLessThan(10_000);
  expect(kept.accessKeyId).toBe(held.accessKeyId);
}, 20_000);

test("an agent whose certificate has expired says so and serves nobody until there is a good one", async () => {
  await using cluster = await createCluster();
  cluster.world.put(aPodWithRole("reader", address));
  const agent = await cluster.startAgent({
    tls: cluster.pki.nodeAgent("node-a", Date.now() - 60_000),
    tlsClock: hurriedClock,
    waits: false,
  });

  const refused = await podAt(address, agent).credentials("reader");
  await agent.files.write(cluster.pki.nodeAgent("node-a"));
  await agent.inSync();
  const answer = await podAt(address, agent).credentials("reader");

  const told = agent.lines.flatMap(({ level, message }) => (level === "error" ? [message] : []));
  const ofFiles = told.filter((message) => !message.startsWith("error processing request"));
  expect(ofFiles.length).toBe(1);
  expect(ofFiles[0]).toMatch(/the certificate in --cert .*cert\.pem expired at .*: put a new one in its place/);
  expect([refused.status, refused.message]).toEqual([503, "this agent has not heard from a kiam server yet"]);
  expect(cluster.roleOf(answer)).toBe("reader");
});

test("a mistake in a server's files is told once and changes nothing", async () => {
  await using cluster = await createCluster(1, { tlsClock: hurriedClock });
  const [server] = cluster.replicas;

  await server?.files.write({ cert: "not a certificate" });
  await waitFor("the mistake to be told", () => server?.lines.find(({ level }) => level === "error"));
  const agent = await cluster.startAgent();
  cluster.world.put(aPodWithRole("reader", address));
  const answer = await podAt(address, agent).credentials("reader");

  expect(cluster.roleOf(answer)).toBe("reader");
  expect(server?.lines.filter(({ level }) => level === "error").map(({ message }) => message)).toEqual([
    `--cert ${server?.files.files.cert} is not a certificate: it must be PEM`,
  ]);
  expect(await server?.metric("grpc_server_tls_certificate_update_error")).toBe(1);
});
