import { afterAll, beforeAll, expect, test } from "bun:test";
import type { KiamProcess } from "./lab/kiam.ts";
import { createLab, type Lab } from "./lab/lab.ts";
import type { LabNode } from "./lab/node.ts";
import { callerIdentity, sdks } from "./lab/sdk.ts";
import { waitFor } from "./lab/wait.ts";

// The whole path, all of it real: the API server says what a pod is, STS what a key is worth, the pod's SDK that it works.

let lab: Lab;
let server: KiamProcess;
let node: LabNode;
let agent: KiamProcess;
beforeAll(async () => {
  lab = await createLab();
  await lab.api.createNamespace("team", { "iam.amazonaws.com/permitted": "arn:aws:iam::\\d+:role/team-.*" });
  await lab.api.createNamespace("broken", { "iam.amazonaws.com/permitted": "a)|(?:.*" });
  server = await lab.startServer();
  await server.ready();
  node = await lab.addNode("node-1");
  agent = await node.startAgent();
  await agent.ready();
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

const listing = "/latest/meta-data/iam/security-credentials/";

const assumed = (role: string, session = "kiam-kiam") => `arn:aws:sts::123456789012:assumed-role/${role}/${session}`;

test.each(sdks)("%s gets its pod's own role without any configuration", async (sdk) => {
  const role = `team-${sdk}`;
  await using pod = await node.deployPod({ namespace: "team", name: `own-${sdk}`, address: "10.244.1.10", role });

  const identity = await callerIdentity(pod, sdk, lab.sts.endpoint);

  expect(identity.kind === "identity" ? identity.arn : identity).toBe(assumed(role));
});

test("the role is listed with and without a slash at the end, as annotated, without a newline", async () => {
  await using pod = await node.deployPod({
    ...{ namespace: "team", name: "list", address: "10.244.1.11", role: "/team-path/reader" },
  });

  const answers = [await pod.http(listing), await pod.http(listing.slice(0, -1))];

  expect(answers.map(({ status, body }) => [status, body])).toEqual([
    [200, "team-path/reader"],
    [200, "team-path/reader"],
  ]);
});

test("annotated session name and external id reach STS", async () => {
  const annotations = { "iam.amazonaws.com/session-name": "my app", "iam.amazonaws.com/external-id": "ext-4711" };
  await using pod = await node.deployPod({
    ...{ namespace: "team", name: "session", address: "10.244.1.12", role: "team-session", annotations },
  });

  const { body } = await pod.http(`${listing}team-session`);

  expect(await lab.sts.roleOfAnswer(body)).toBe(assumed("team-session", "kiam-my-app"));
  const call = (await lab.sts.assumed()).find(({ roleArn }) => roleArn.endsWith("/team-session"));
  expect(call?.externalId).toBe("ext-4711");
  expect(`${server.output()}${agent.output()}`).not.toContain("ext-4711");
});

test("a role that the namespace does not permit is refused, STS never asked, and the pod told why", async () => {
  await using pod = await node.deployPod({
    namespace: "team",
    name: "no",
    address: "10.244.1.13",
    role: "administrator",
  });

  const answer = await pod.http(`${listing}administrator`);

  expect([answer.status, JSON.parse(answer.body).Message]).toEqual([
    403,
    "namespace policy expression 'arn:aws:iam::\\d+:role/team-.*' forbids role 'arn:aws:iam::123456789012:role/administrator'",
  ]);
  expect((await lab.sts.assumed()).some(({ roleArn }) => roleArn.endsWith("/administrator"))).toBe(false);
});

test("another pod's role is refused", async () => {
  await using victim = await node.deployPod({ namespace: "team", name: "a", address: "10.244.1.14", role: "team-a" });
  await using thief = await node.deployPod({ namespace: "team", name: "b", address: "10.244.1.15", role: "team-b" });

  const own = await victim.http(`${listing}team-a`);
  const stolen = await thief.http(`${listing}team-a`);

  expect(await lab.sts.roleOfAnswer(own.body)).toBe(assumed("team-a"));
  expect([stolen.status, JSON.parse(stolen.body).Message]).toEqual([
    403,
    "requested 'team-a' but annotated with 'team-b', forbidden",
  ]);
});

test("a pod without a role gets 404, and nothing of the node's", async () => {
  await using pod = await node.deployPod({ namespace: "team", name: "none", address: "10.244.1.16" });

  const statuses = [
    (await pod.http(listing)).status,
    (await pod.http(`${listing}team-a`)).status,
    (await pod.http(`${listing}canary-node-role`)).status,
    (await pod.http("/latest/meta-data/instance-id")).status,
  ];

  expect(statuses).toEqual([404, 404, 404, 404]);
});

test("a malformed annotation and a malformed pattern deny their own pods and nobody else's", async () => {
  await using odd = await node.deployPod({ namespace: "team", name: "odd", address: "10.244.1.17", role: "team-a b" });
  await using cut = await node.deployPod({ namespace: "broken", name: "cut", address: "10.244.1.18", role: "team-a" });
  await using fine = await node.deployPod({ namespace: "team", name: "fine", address: "10.244.1.19", role: "team-f" });

  const [malformedRole, malformedPattern, allowed] = [
    await odd.http(`${listing}team-a%20b`),
    await cut.http(`${listing}team-a`),
    await fine.http(`${listing}team-f`),
  ];

  expect([malformedRole.status, JSON.parse(malformedRole.body).Message]).toEqual([
    403,
    "annotation 'team-a b' is not a role",
  ]);
  expect(malformedPattern.status).toBe(403);
  expect(JSON.parse(malformedPattern.body).Message).toStartWith(
    "namespace policy expression 'a)|(?:.*' is not usable: error parsing regexp",
  );
  expect(await lab.sts.roleOfAnswer(allowed.body)).toBe(assumed("team-f"));
});

test("an address that goes to another pod gives that pod's role and never the former's", async () => {
  const first = await node.deployPod({ namespace: "team", name: "first", address: "10.244.1.20", role: "team-first" });
  const before = await first.http(`${listing}team-first`);
  await first[Symbol.asyncDispose]();
  await using second = await node.deployPod({
    ...{ namespace: "team", name: "second", address: "10.244.1.20", role: "team-second" },
  });

  const former = await second.http(`${listing}team-first`);
  const own = await second.http(`${listing}team-second`);

  expect(await lab.sts.roleOfAnswer(before.body)).toBe(assumed("team-first"));
  expect(former.status).toBe(403);
  expect(await lab.sts.roleOfAnswer(own.body)).toBe(assumed("team-second"));
});

test("an annotation that changes on a running pod takes effect, for issued credentials too", async () => {
  await using pod = await node.deployPod({
    namespace: "team",
    name: "moves",
    address: "10.244.1.21",
    role: "team-old",
  });
  const before = await pod.http(`${listing}team-old`);

  await lab.api.annotate({ namespace: "team", pod: "moves" }, { "iam.amazonaws.com/role": "team-new" });

  const changed = await waitFor("the new role", async () => {
    const { body } = await pod.http(listing);
    return body === "team-new" ? body : undefined;
  });
  expect([before.status, changed, (await pod.http(`${listing}team-old`)).status]).toEqual([200, "team-new", 403]);
  expect(await lab.sts.roleOfAnswer((await pod.http(`${listing}team-new`)).body)).toBe(assumed("team-new"));
});

test("credentials are issued before the pod asks, and a request costs no call of a server", async () => {
  const callsFor = async () =>
    (await lab.sts.assumed()).filter(({ roleArn }) => roleArn.endsWith("/team-early")).length;
  await lab.api.createPod({
    ...{ namespace: "team", name: "early", nodeName: node.name },
    annotations: { "iam.amazonaws.com/role": "team-early" },
  });
  await waitFor("the prefetch", async () => ((await callsFor()) === 1 ? true : undefined));
  await using pod = await node.addPod({ name: "early", address: "10.244.1.22", veth: "caliearly" });
  await lab.api.runPod("team", "early", pod.address, node.address);
  await pod.http(`${listing}team-early`);
  const startedBefore = await agent.metric("grpc_client_started_total");

  const answers = await Promise.all(Array.from({ length: 20 }, () => pod.http(`${listing}team-early`)));

  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  expect(await agent.metric("grpc_client_started_total")).toBe(startedBefore);
  expect(await callsFor()).toBe(1);
  await lab.api.deletePod("team", "early");
});

test("a token is minted at once, also for a pod without a role, and accepted", async () => {
  await using pod = await node.deployPod({ namespace: "team", name: "v2", address: "10.244.1.23", role: "team-v2" });
  const ttl = { "X-aws-ec2-metadata-token-ttl-seconds": "21600" };

  const token = await pod.http("/latest/api/token", { method: "PUT", headers: ttl });
  const headers = { "X-aws-ec2-metadata-token": token.body };
  const answer = await pod.http(`${listing}team-v2`, { headers });

  expect([token.status, token.headers["x-aws-ec2-metadata-token-ttl-seconds"], answer.status]).toEqual([
    200,
    "21600",
    200,
  ]);
});

test("no secret key and no session token is in any log", async () => {
  const issued = await lab.sts.assumed();

  const logs = `${server.output()}${agent.output()}`;

  expect(issued.length).toBeGreaterThan(5);
  expect(issued.filter(({ secretAccessKey, token }) => logs.includes(secretAccessKey) || logs.includes(token))).toEqual(
    [],
  );
  expect(issued.some(({ accessKeyId }) => logs.includes(accessKeyId))).toBe(true); // The audit lines are there.
});

test("with the server killed a pod is still served, and another replica takes over", async () => {
  await using pod = await node.deployPod({
    namespace: "team",
    name: "kept",
    address: "10.244.1.24",
    role: "team-kept",
  });
  const before = await pod.http(`${listing}team-kept`);

  await server.stop("SIGKILL");
  const meanwhile = await pod.http(`${listing}team-kept`);
  server = await lab.startServer();
  await server.ready();
  await waitFor("the agent's new stream", async () => (await agent.metric("kiam_agent_feed_connected")) || undefined);
  const after = await pod.http(`${listing}team-kept`);

  expect([before.status, meanwhile.status, after.status]).toEqual([200, 200, 200]);
  expect(JSON.parse(meanwhile.body).AccessKeyId).toBe(JSON.parse(before.body).AccessKeyId);
});

test("the redirect goes with the agent, unless it is told to keep it", async () => {
  const other = await lab.addNode("node-2");
  await using pod = await other.addPod({
    ...{ name: "watch", address: "10.244.2.5", veth: "caliwatch", mayReadCanary: true },
  });
  const instanceId = "/latest/meta-data/instance-id";

  const removing = await other.startAgent();
  await removing.ready();
  const redirected = await pod.http(instanceId);
  await removing.stop("SIGTERM");
  const open = await pod.http(instanceId);

  const keeping = await other.startAgent({ flags: { "iptables-remove": false } });
  await keeping.ready();
  await keeping.stop("SIGTERM");
  const closed = await pod.http(instanceId).catch((error: unknown) => error);

  expect(redirected.status).not.toBe(200);
  expect(open.status).toBe(200); // The positive control: without the redirect the pod reaches the metadata service.
  expect(closed).toBeInstanceOf(Error);
});
