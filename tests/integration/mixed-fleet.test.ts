import { expect, test } from "bun:test";
import { request } from "node:http";
import { text } from "node:stream/consumers";
import { waitFor } from "../e2e/lab/wait.ts";
import { hurriedClock } from "./cluster/clocks.ts";
import { createFleet, type Fleet } from "./cluster/fleet.ts";
import { keepAsking } from "./cluster/keep-asking.ts";
import { credentialsOf, type PodAnswer, podAt } from "./cluster/pod-client.ts";

const address = "127.1.0.1";

async function aFleet() {
  const fleet = await createFleet();
  fleet.run({ [address]: "reader" });
  return fleet;
}

test("of servers half of which are the Go release's every agent settles on ours", async () => {
  await using fleet = await aFleet();
  await fleet.startGoServer();
  await fleet.startReplica();
  await fleet.startGoServer();

  const agents = await Promise.all(Array.from({ length: 4 }, () => fleet.startAgent()));
  await Promise.all(agents.map((agent) => agent.inSync()));
  const answers = await Promise.all(agents.map((agent) => podAt(address, agent).credentials("reader")));

  expect(answers.map(fleet.issuedBy)).toEqual(answers.map(() => "ours reader"));
  expect(await Promise.all(agents.map((agent) => agent.metric("kiam_agent_go_server_in_use")))).toEqual([0, 0, 0, 0]);
});

test("an agent on Go servers goes over to the first of ours that DNS names, and no request fails meanwhile", async () => {
  await using fleet = await aFleet();
  await fleet.startGoServer();
  const agent = await fleet.startAgent({ clock: hurriedClock });
  const pod = podAt(address, agent);
  await pod.credentials("reader");
  const stopAsking = keepAsking(() => pod.credentials("reader"));

  await fleet.startReplica();
  await agent.inSync();
  await waitFor("credentials of ours", async () => (await isOurs(pod.credentials("reader"))) || undefined);
  const answers = await stopAsking();

  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  expect(fleet.issuedBy(answers[0] ?? nothing)).toBe("go reader");
  expect(fleet.issuedBy(answers.at(-1) ?? nothing)).toBe("ours reader");

  async function isOurs(asking: Promise<PodAnswer>): Promise<boolean> {
    return fleet.issuedBy(await asking) === "ours reader";
  }
});

test("a Go server replaced by one of ours at its own address is found out when its connection ends", async () => {
  await using fleet = await aFleet();
  const server = await fleet.startGoServer();
  const agent = await fleet.startAgent();
  await podAt(address, agent).credentials("reader");

  await server.kill();
  await fleet.startReplica(server.address);
  await agent.inSync();
  const answer = await podAt(address, agent).credentials("reader");

  expect(fleet.issuedBy(answer)).toBe("ours reader");
});

/** An agent that a server of ours has given the pod's credentials, and a Go server beside it. */
async function servedByOurs(fleet: Fleet) {
  const ours = await fleet.startReplica();
  const agent = await fleet.startAgent();
  const pod = podAt(address, agent);
  await agent.inSync();
  await waitFor(
    "credentials",
    credentialsOf(() => pod.credentials("reader")),
  );
  const go = await fleet.startGoServer();
  return { ours, go, agent, pod };
}

test("with the last of ours gone a Go server is asked at each request; with that gone too what is held serves", async () => {
  await using fleet = await aFleet();
  const { ours, go, agent, pod } = await servedByOurs(fleet);
  const stopAsking = keepAsking(() => pod.credentials("reader"));

  await ours.kill();
  await waitFor("the Go server", async () => (await agent.metric("kiam_agent_go_server_in_use")) === 1 || undefined);
  const onGo = await pod.credentials("reader");
  await go.kill();
  const onNothing = await pod.credentials("reader");
  const answers = await stopAsking();

  expect([onGo, onNothing].map(fleet.issuedBy)).toEqual(["go reader", "ours reader"]);
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
});

test("an address that moved while Go servers served never answers with its former pod's role", async () => {
  await using fleet = await aFleet();
  const { ours, go, agent, pod } = await servedByOurs(fleet);
  await ours.kill();
  await waitFor("the Go server", async () => (await agent.metric("kiam_agent_go_server_in_use")) === 1 || undefined);

  await go.setPods([{ ip: address, role: "writer" }]);
  const [role, refused] = [await pod.roleName(), await pod.credentials("reader")];
  await go.kill();
  const onNothing = await pod.credentials("reader");

  expect([role.body, refused.status, onNothing.status]).toEqual(["writer", 403, 503]);
});

test("a token minted on a Go server serves there, and the same pod when the agent has gone over; nobody else", async () => {
  await using fleet = await aFleet();
  fleet.run({ "127.1.0.2": "writer" });
  await fleet.startGoServer();
  const agent = await fleet.startAgent({ clock: hurriedClock, imdsTokens: "required" });
  const token = await ask("PUT", "/latest/api/token", { "x-aws-ec2-metadata-token-ttl-seconds": "60" });
  const roles = "/latest/meta-data/iam/security-credentials/";
  const withToken = { "x-aws-ec2-metadata-token": token.body };

  const onGo = await ask("GET", roles, withToken);
  const withoutToken = await ask("GET", roles, {});
  const another = await ask("GET", roles, withToken, "127.1.0.2");
  await fleet.startReplica();
  await agent.inSync();
  const onOurs = await ask("GET", roles, withToken);

  expect([onGo, withoutToken, another, onOurs].map(({ status }) => status)).toEqual([200, 401, 401, 200]);

  async function ask(method: string, path: string, headers: Readonly<Record<string, string>>, from = address) {
    const { promise, resolve, reject } = Promise.withResolvers<{ readonly status: number; readonly body: string }>();
    const to = { host: "127.0.0.1", port: agent.port, localAddress: from, agent: false, method, path };
    const asked = request({ ...to, headers: { host: "169.254.169.254", ...headers } }, (response) =>
      text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject),
    );
    asked.once("error", reject);
    asked.end();
    return promise;
  }
});

const nothing = { accessKeyId: undefined };
