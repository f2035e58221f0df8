import { expect, test } from "bun:test";
import { waitFor } from "../e2e/lab/wait.ts";
import { createFleet } from "./cluster/fleet.ts";
import { keepAsking } from "./cluster/keep-asking.ts";
import { podAt } from "./cluster/pod-client.ts";

const address = "127.1.0.1";
const nobodys = "127.1.0.9";

/** An agent that finds a Go server and nothing else, with a pod that may have the role reader. */
async function onGo(flags: Readonly<Record<string, string>> = {}) {
  const fleet = await createFleet();
  fleet.run({ [address]: "/team/reader" });
  const server = await fleet.startGoServer(flags);
  const agent = await fleet.startAgent();
  const pod = podAt(address, agent);
  return { fleet, server, agent, pod, [Symbol.asyncDispose]: () => fleet[Symbol.asyncDispose]() };
}

test("a pod gets its role's name and credentials of a Go server, from the agent's first moment on", async () => {
  await using go = await onGo();

  const role = await go.pod.roleName();
  const credentials = await go.pod.credentials(role.body);

  expect([role.status, role.body]).toEqual([200, "team/reader"]);
  expect([credentials.status, go.fleet.issuedBy(credentials)]).toEqual([200, "go team/reader"]);
  expect(Object.keys(JSON.parse(credentials.body))).toEqual([
    ...["Code", "LastUpdated", "Type", "AccessKeyId", "SecretAccessKey", "Token", "Expiration"],
  ]);
  expect(await go.agent.metric("kiam_agent_go_server_in_use")).toBe(1);
});

test("nothing is kept: each request is a call", async () => {
  await using go = await onGo();

  for (let turn = 0; turn < 5; turn += 1) {
    await go.pod.roleName();
    await go.pod.credentials("team/reader");
  }
  const calls = await go.server.stop();

  expect(calls).toEqual({ GetPodRole: 5, GetPodCredentials: 5 });
  expect(await go.agent.metric("kiam_agent_store_pods")).toBe(0);
});

test("what a Go server refuses is told in the metadata service's words", async () => {
  await using go = await onGo();
  await go.server.setPods([
    { ip: address, role: "reader" },
    { ip: "127.1.0.2", role: "forbidden", forbidden: true },
    { ip: "127.1.0.3", role: "" },
    { ip: "127.1.0.4", role: "failing", error: "AccessDenied: not authorized" },
  ]);
  const at = (ip: string) => podAt(ip, go.agent);

  const answers = await Promise.all([
    go.pod.credentials("writer"),
    at("127.1.0.2").credentials("forbidden"),
    at("127.1.0.3").roleName(),
    at("127.1.0.3").credentials("reader"),
    at("127.1.0.4").credentials("failing"),
  ]);

  expect(answers.map(({ status, message }) => `${status} ${message}`)).toEqual([
    "403 requested 'writer' but annotated with 'reader', forbidden",
    "403 forbidden by policy; the kiam server's log says by which",
    "404 the pod has no iam.amazonaws.com/role annotation",
    "404 the pod has no iam.amazonaws.com/role annotation",
    "503 server 127.0.0.1 failed: [unknown] AccessDenied: not authorized",
  ]);
});

test("of what STS said to a Go server no more than the first line is told: the rest may quote the server's own request", async () => {
  await using go = await onGo();
  const quoting =
    "SignatureDoesNotMatch: The request signature we calculated does not match.\n\nThe Canonical String should have been\n'POST\nx-amz-security-token:FwoGZ'";
  await go.server.setPods([{ ip: address, role: "reader", error: quoting }]);

  const answer = await go.pod.credentials("reader");
  const told = JSON.stringify([answer, go.agent.lines]);

  expect(answer.message).toBe(
    "server 127.0.0.1 failed: [unknown] SignatureDoesNotMatch: The request signature we calculated does not match.",
  );
  expect(told).not.toContain("FwoGZ");
});

test("a pod that the Go server does not know yet is waited for, and not for ever", async () => {
  await using go = await onGo();
  const startedMs = performance.now();
  const never = await podAt(nobodys, go.agent).credentials("reader");
  const tookMs = performance.now() - startedMs;

  const waiting = podAt(nobodys, go.agent).roleName();
  await go.server.setPods([{ ip: nobodys, role: "late" }]);
  const answer = await waiting;

  expect([never.status, never.message]).toEqual([503, "no pod is known at this address"]);
  expect(tookMs).toBeGreaterThanOrEqual(700);
  expect(tookMs).toBeLessThan(1_000);
  expect([answer.status, answer.body]).toEqual([200, "late"]);
});

test("connections that the Go server ends for their age fail no request", async () => {
  await using go = await onGo({ "grpc-max-connection-age-duration": "100ms" });
  const stopAsking = keepAsking(() => go.pod.credentials("team/reader"));

  await waitFor("a few connections", () => (go.server.connectionsMade > 10 ? true : undefined));
  const answers = await stopAsking();

  expect(answers.length).toBeGreaterThan(20);
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
});

test("of several Go servers one that dies fails no request", async () => {
  await using go = await onGo();
  const other = await go.fleet.startGoServer();
  const stopAsking = keepAsking(() => go.pod.credentials("team/reader"));
  await waitFor("requests", async () => (await served(go)) > 20 || undefined);

  await go.server.kill();
  const before = await served(go);
  await waitFor("requests of the other", async () => (await served(go)) > before + 20 || undefined);
  const answers = await stopAsking();

  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  expect((await other.stop())["GetPodCredentials"]).toBeGreaterThan(20);
});

test("a server that never comes to its TLS handshake costs --gateway-timeout-creation and no request", async () => {
  await using fleet = await createFleet();
  fleet.run({ [address]: "reader" });
  const { address: answering } = await fleet.startGoServer();
  const silent = Bun.listen({
    hostname: "127.0.0.99",
    port: fleet.port,
    socket: {
      open() {
        fleet.addresses = [silent.hostname, answering]; // The agent has chosen the silent one first.
      },
      data: () => undefined,
    },
  });
  fleet.addresses = [silent.hostname];
  const agent = await fleet.startAgent({ timings: { connectTimeoutMs: 300 } });

  const answers = await Promise.all(Array.from({ length: 5 }, () => podAt(address, agent).credentials("reader")));
  silent.stop(true);

  expect(answers.map(fleet.issuedBy)).toEqual(answers.map(() => "go reader"));
});

test("that it falls back is told once, by the server's address, and it is ready", async () => {
  await using go = await onGo();
  await go.pod.roleName();
  await go.server.kill();
  await go.fleet.startGoServer();
  await go.pod.roleName();

  const told = go.agent.lines.filter(({ message }) => message.includes("has no node service"));

  expect(told.map(({ level, fields }) => `${level} ${fields?.["addr"]}`)).toEqual(["warn 127.0.0.1"]);
});

async function served({ agent }: Awaited<ReturnType<typeof onGo>>): Promise<number> {
  return await agent.metric("kiam_metadata_success_total", { handler: "credentials" });
}
