import { afterAll, beforeAll, expect, test } from "bun:test";
import { askServer } from "./lab/ask-server.ts";
import type { KiamProcess } from "./lab/kiam.ts";
import { createLab, type Lab } from "./lab/lab.ts";
import type { LabNode } from "./lab/node.ts";
import { waitFor } from "./lab/wait.ts";

// Why a pod gets nothing, where people look for it: events of a real API server, written with the rights of deploy/ and no more.

let lab: Lab;
let server: KiamProcess;
let node: LabNode;
beforeAll(async () => {
  lab = await createLab();
  await lab.api.createNamespace("team", { "iam.amazonaws.com/permitted": ".*role/team-.*" });
  await lab.api.createNamespace("broken", { "iam.amazonaws.com/permitted": "a)|(?:.*" });
  server = await lab.startServer();
  await server.ready();
  node = await lab.addNode("node-1");
  const agent = await node.startAgent();
  await agent.ready();
});
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
});

const listing = "/latest/meta-data/iam/security-credentials/";

interface ApiEvent {
  readonly reason: string;
  readonly message: string;
  readonly type: string;
  readonly count: number;
  readonly source: { readonly component: string };
  readonly reportingComponent: string;
  readonly involvedObject: Readonly<Record<string, string>>;
}

async function eventsOf(pod: string, namespace = "team"): Promise<readonly ApiEvent[]> {
  const selector = encodeURIComponent(`involvedObject.name=${pod}`);
  const { body } = await lab.api.request("GET", `/api/v1/namespaces/${namespace}/events?fieldSelector=${selector}`);
  return body.items;
}

/** Once there are any. */
async function firstEventsOf(pod: string, namespace = "team"): Promise<readonly ApiEvent[]> {
  return waitFor(`events of ${pod}`, async () => {
    const events = await eventsOf(pod, namespace);
    return events.length > 0 ? events : undefined;
  });
}

const told = ({ reason, message }: ApiEvent) => `${reason} ${message}`;

test("a pod that is denied is told so before it asks, in an event that names it", async () => {
  await using pod = await node.deployPod({ namespace: "team", name: "denied", address: "10.244.1.5", role: "admin" });

  const events = await firstEventsOf("denied");

  expect(events.map(told)).toEqual([
    `KiamRoleForbidden failed assuming role "admin": namespace policy expression '.*role/team-.*' forbids role 'arn:aws:iam::123456789012:role/admin'`,
  ]);
  const { type, count, source, reportingComponent, involvedObject } = events[0] as ApiEvent;
  expect([type, count, source.component, reportingComponent]).toEqual(["Warning", 1, "kiam.server", "kiam.server"]);
  expect([involvedObject["kind"], involvedObject["namespace"], involvedObject["uid"]]).toEqual([
    "Pod",
    "team",
    pod.uid,
  ]);
});

test.each([
  ["team", "odd-role", "team-a b", "failed assuming role \"team-a b\": annotation 'team-a b' is not a role"],
  [
    "broken",
    "odd-pattern",
    "team-a",
    `failed assuming role "team-a": namespace policy expression 'a)|(?:.*' is not usable: `,
  ],
])("in %s, %s is told what can't be read", async (namespace, name, role, message) => {
  await using _pod = await node.deployPod({ namespace, name, address: "10.244.1.6", role });

  const [event] = await firstEventsOf(name, namespace);

  expect(event?.reason).toBe("KiamRoleForbidden");
  expect(event?.message).toStartWith(message);
});

test("a pod whose credentials can't be had is told the code, and not its external id", async () => {
  const externalId = "not an external id";
  await using pod = await node.deployPod({
    ...{ namespace: "team", name: "external", address: "10.244.1.7", role: "team-x" },
    annotations: { "iam.amazonaws.com/external-id": externalId },
  });
  await pod.http(`${listing}team-x`);

  const events = await firstEventsOf("external");

  expect(events.map(told)).toEqual([
    "KiamCredentialError failed retrieving credentials: ValidationError: the external id is not one that STS takes",
  ]);
  expect(JSON.stringify(events)).not.toContain(externalId);
});

test("an agent of the Go release that asks in a loop for another role makes one event, which counts", async () => {
  await using pod = await node.deployPod({ namespace: "team", name: "loop", address: "10.244.1.8", role: "team-loop" });
  const question = { address: server.address, identity: await lab.agentCertificate(), podAddress: pod.address };
  await pod.http(`${listing}team-loop`);

  for (let time = 0; time < 4; time += 1) {
    await askServer(node.netns, { ...question, role: "team-other" });
  }
  const events = await firstEventsOf("loop");

  expect(events.map(told)).toEqual([
    `KiamRoleForbidden failed assuming role "team-other": requested 'team-other' but annotated with 'team-loop', forbidden`,
  ]);
});

test("a pod that gets its credentials has no events", async () => {
  await using pod = await node.deployPod({ namespace: "team", name: "fine", address: "10.244.1.9", role: "team-fine" });
  const answer = await pod.http(`${listing}team-fine`);
  await using _later = await node.deployPod({ namespace: "team", name: "later", address: "10.244.1.10", role: "no" });
  await firstEventsOf("later");

  expect([answer.status, await eventsOf("fine")]).toEqual([200, []]);
});

test("a second server counts on with the first one's event instead of making another", async () => {
  await using _pod = await node.deployPod({ namespace: "team", name: "two", address: "10.244.1.11", role: "admin" });
  await firstEventsOf("two");

  await server.stop("SIGTERM");
  server = await lab.startServer();
  await server.ready();
  const [event, ...others] = await waitFor("the count to go on", async () => {
    const events = await eventsOf("two");
    return events.some(({ count }) => count === 2) ? events : undefined;
  });

  expect([event?.count, others]).toEqual([2, []]);
});

test("an event in a namespace that is going is let go, and nobody is told", async () => {
  await lab.api.createNamespace("going", { "iam.amazonaws.com/permitted": ".*" });
  await using _pod = await node.deployPod({
    namespace: "going",
    name: "last",
    address: "10.244.1.12",
    role: "team-last",
  });
  await lab.api.request("DELETE", "/api/v1/namespaces/going");

  await lab.api.annotate({ namespace: "going", pod: "last" }, { "iam.amazonaws.com/role": "not a role" });
  await waitFor(
    "it to be let go",
    async () => (await server.metric("kiam_k8s_events_total", { outcome: "unwanted" })) || undefined,
  );

  expect(server.output()).not.toContain("can't write events");
});

test("a server that may not write events says so once, and serves", async () => {
  await lab.api.request(
    "PATCH",
    "/apis/rbac.authorization.k8s.io/v1/clusterroles/kiam-server",
    { rules: [{ apiGroups: [""], resources: ["pods", "namespaces"], verbs: ["get", "list", "watch"] }] },
    "application/merge-patch+json",
  );
  const refused = () => server.metric("kiam_k8s_events_total", { outcome: "refused" });

  await using _one = await node.deployPod({ namespace: "team", name: "r1", address: "10.244.1.13", role: "admin" });
  await using _two = await node.deployPod({ namespace: "team", name: "r2", address: "10.244.1.14", role: "admin" });
  await using fine = await node.deployPod({ namespace: "team", name: "r3", address: "10.244.1.15", role: "team-r3" });
  const answer = await fine.http(`${listing}team-r3`);
  await waitFor("both to be refused", async () => ((await refused()) >= 2 ? true : undefined));

  expect(answer.status).toBe(200);
  expect(server.output().match(/can't write events on pods: HTTP 403: events is forbidden/g)?.length).toBe(1);
});
