import { expect, test } from "bun:test";
import { waitFor } from "../e2e/lab/wait.ts";
import { aPod } from "../fakes/pods.ts";
import { aRole } from "../fakes/roles.ts";
import type { StsCall } from "../fakes/sts.ts";
import { createCluster } from "./cluster/cluster.ts";
import { credentialsOf, podAt } from "./cluster/pod-client.ts";
import { roleBaseArn } from "./cluster/replica.ts";
import { aPodWithRole } from "./cluster/world.ts";

const address = "127.1.0.1";

const lookUps = { grpc_method: "LookupPod" };

test("a request from an address that nobody has yet is answered as soon as its pod appears", async () => {
  await using cluster = await createCluster();
  const agent = await cluster.startAgent();
  const waiting = podAt(address, agent).credentials("reader");
  await waitFor(
    "the server to be asked",
    async () => (await cluster.replicas[0]?.metric("grpc_server_started_total", lookUps)) === 1 || undefined,
  );

  const appearedAtMs = performance.now();
  cluster.world.put(aPodWithRole("reader", address));
  const answer = await waiting;

  expect(cluster.roleOf(answer)).toBe("reader");
  expect(performance.now() - appearedAtMs).toBeLessThan(400);
});

test("a request from an address that stays nobody's gets 503 before an SDK gives up", async () => {
  await using cluster = await createCluster();
  const agent = await cluster.startAgent();

  const askedAtMs = performance.now();
  const answer = await podAt(address, agent).credentials("reader");
  const tookMs = performance.now() - askedAtMs;

  expect([answer.status, answer.message]).toEqual([503, "no pod is known at this address"]);
  expect(tookMs).toBeWithin(700, 1_000);
});

test("a hundred callers whose ten pods share a role cost one call of STS", async () => {
  await using cluster = await createCluster();
  const [server] = cluster.replicas;
  const asked = Promise.withResolvers<StsCall>();
  server?.sts.onCall(asked.resolve);
  const agent = await cluster.startAgent();
  const addresses = Array.from({ length: 10 }, (_, index) => `127.1.0.${index + 1}`);
  for (const one of addresses) {
    cluster.world.put(aPodWithRole("reader", one));
  }

  const waiting = Array.from({ length: 100 }, (_, index) =>
    podAt(addresses[index % 10] ?? address, agent).credentials("reader"),
  );
  const call = await asked.promise;
  await waitFor(
    "every pod to be asked for",
    async () => (await agent.metric("kiam_agent_lookups_total")) >= 10 || undefined,
  );
  const { accessKeyId } = call.issue();
  const answers = await Promise.all(waiting);

  expect(new Set(answers.map((answer) => answer.accessKeyId))).toEqual(new Set([accessKeyId]));
  expect(server?.sts.calls.length).toBe(1);
});

test("a caller that hangs up fails nobody else who waits for the same", async () => {
  await using cluster = await createCluster();
  const [server] = cluster.replicas;
  const asked = Promise.withResolvers<StsCall>();
  server?.sts.onCall(asked.resolve);
  cluster.world.put(aPodWithRole("reader", address));
  const agent = await cluster.startAgent();
  const pod = podAt(address, agent);
  const impatient = new AbortController();
  const abandoned = pod.credentials("reader", impatient.signal).catch(() => "gone");
  await waitFor("the agent to ask", async () => (await agent.metric("kiam_agent_lookups_total")) === 1 || undefined);
  const patient = pod.credentials("reader");
  const call = await asked.promise;

  impatient.abort(new Error("no patience"));
  expect(await abandoned).toBe("gone");
  call.issue();

  expect(cluster.roleOf(await patient)).toBe("reader");
  expect(server?.sts.calls.length).toBe(1);
});

test("where STS refuses a role its pods are told what it said, and others are served", async () => {
  await using cluster = await createCluster();
  cluster.replicas[0]?.sts.onCall((call) =>
    call.identity.role.endsWith("/broken") ? call.fail("refused", "AccessDenied") : call.issue(),
  );
  cluster.world.put(aPodWithRole("broken", address));
  cluster.world.put(aPodWithRole("reader", "127.1.0.2"));
  const agent = await cluster.startAgent();

  const refused = await podAt(address, agent).credentials("broken");
  const served = await podAt("127.1.0.2", agent).credentials("reader");

  expect([refused.status, refused.message]).toEqual([
    503,
    "STS gave no credentials: AccessDenied: AccessDenied, said STS",
  ]);
  expect(cluster.roleOf(served)).toBe("reader");
});

test("a role that hangs at STS does not keep other roles' pods waiting", async () => {
  await using cluster = await createCluster();
  cluster.replicas[0]?.sts.onCall((call) => void (call.identity.role.endsWith("/slow") || call.issue()));
  cluster.world.put(aPodWithRole("slow", address));
  cluster.world.put(aPodWithRole("reader", "127.1.0.2"));
  const agent = await cluster.startAgent();
  const hanging = podAt(address, agent).credentials("slow");

  const served = await podAt("127.1.0.2", agent).credentials("reader");

  expect(cluster.roleOf(served)).toBe("reader");
  cluster.replicas[0]?.sts.calls.find(({ identity }) => identity.role.endsWith("/slow"))?.issue();
  expect((await hanging).status).toBe(200);
});

test("a pod is denied with the sentence that says why, and STS is not asked for it", async () => {
  await using cluster = await createCluster(1, { ownRoles: [aRole(`${roleBaseArn}server`)] });
  cluster.world.permit("closed", "");
  cluster.world.permit("odd", "role/(");
  const pods = [
    aPodWithRole("reader", "127.1.0.1"),
    aPodWithRole("reader", "127.1.0.2", { namespace: "closed" }),
    aPodWithRole("reader", "127.1.0.3", { namespace: "odd" }),
    aPodWithRole("no role", "127.1.0.4"),
    aPodWithRole("server", "127.1.0.5"),
    aPodWithRole("reader", "127.1.0.6", { isMirror: true }),
  ];
  pods.forEach(cluster.world.put);
  const agent = await cluster.startAgent();
  const ask = (from: string, role: string) => podAt(from, agent).credentials(role);

  const answers = [
    await ask("127.1.0.1", "writer"),
    await ask("127.1.0.1", "arn:aws:iam::123456789012:role%2Fwriter"),
    await ask("127.1.0.2", "reader"),
    await ask("127.1.0.3", "reader"),
    await ask("127.1.0.4", "no%20role"),
    await ask("127.1.0.5", "server"),
    await ask("127.1.0.6", "reader"),
  ];

  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 403));
  expect(answers.map(({ message }) => message?.replace(/(?<=not usable: ).*/, "…"))).toEqual([
    "requested 'writer' but annotated with 'reader', forbidden",
    "requested 'arn:aws:iam::123456789012:role/writer' but annotated with 'reader', forbidden",
    "namespace policy expression '(empty)' forbids role 'arn:aws:iam::123456789012:role/reader'",
    "namespace policy expression 'role/(' is not usable: …",
    "annotation 'no role' is not a role",
    "role 'arn:aws:iam::123456789012:role/server' is the kiam server's own and is never issued",
    "a static pod's mirror gets no role: its node could annotate it at will",
  ]);
  expect(new Set(cluster.replicas[0]?.sts.calls.map(({ identity }) => identity.role))).toEqual(
    new Set([aRole(`${roleBaseArn}reader`)]),
  );
});

test("a pod without a role is told so, and gets nothing whatever it asks for", async () => {
  await using cluster = await createCluster();
  cluster.world.put(aPodWithRole("reader", "127.1.0.2"));
  cluster.world.put(aPod({ addresses: [address] }));
  const agent = await cluster.startAgent();
  const pod = podAt(address, agent);

  const answers = [await pod.roleName(), await pod.credentials("reader"), await pod.get("/latest/user-data")];

  expect(answers.map(({ status, message }) => `${status} ${message}`)).toEqual([
    "404 the pod has no iam.amazonaws.com/role annotation",
    "404 the pod has no iam.amazonaws.com/role annotation",
    "404 kiam does not serve this path to pods",
  ]);
});

test("pods of one role with different session names or external ids get credentials of their own", async () => {
  await using cluster = await createCluster();
  const requests = [{}, { sessionName: "billing" }, { externalId: "customer-7" }];
  requests.forEach((own, index) => {
    const request = { source: "pod-annotation", role: "reader", ...own } as const;
    cluster.world.put(aPodWithRole("reader", `127.1.0.${index + 1}`, { request }));
  });
  const agent = await cluster.startAgent();

  const answers = await Promise.all(
    requests.map((_, index) =>
      waitFor(
        "the credentials",
        credentialsOf(() => podAt(`127.1.0.${index + 1}`, agent).credentials("reader")),
      ),
    ),
  );

  expect(new Set(answers.map(({ accessKeyId }) => accessKeyId)).size).toBe(3);
  const asked = cluster.replicas[0]?.sts.calls.map(({ identity }) => [identity.sessionName, identity.externalId]);
  expect(asked?.sort()).toEqual(
    [
      ["kiam-billing", undefined],
      ["kiam-kiam", undefined],
      ["kiam-kiam", "customer-7"],
    ].sort(),
  );
});
