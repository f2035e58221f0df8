import { expect, test } from "bun:test";
import { waitFor } from "../../e2e/lab/wait.ts";
import type { StsCall } from "../../fakes/sts.ts";
import { callerOf } from "../cluster/caller.ts";
import { createCluster } from "../cluster/cluster.ts";
import { podAt } from "../cluster/pod-client.ts";
import { aPodWithRole } from "../cluster/world.ts";

const callers = 1_000;
const pods = Array.from({ length: 50 }, (_, index) => `127.1.0.${index + 1}`);
const handled = "grpc_server_handled_total";
const ofCredentials = { grpc_method: "GetPodCredentials" };
const addressOf = (caller: number): string => pods[caller % pods.length] ?? "";

/** A cluster whose fifty pods share a role that nobody has asked for, at an STS that waits for the test. */
async function createColdCluster() {
  const cluster = await createCluster(0);
  const server = await cluster.startReplica();
  const asked = Promise.withResolvers<StsCall>();
  server.sts.onCall(asked.resolve);
  return { cluster, server, asked: asked.promise };
}

test("a thousand callers of fifty pods at once on a cold identity, the first of whom hangs up: one call of STS, 999 answers", async () => {
  const { cluster, server, asked } = await createColdCluster();
  await using _cluster = cluster;
  const agent = await cluster.startAgent();
  const started = () => agent.metric("kiam_agent_lookups_total");
  for (const address of pods) {
    cluster.world.put(aPodWithRole("reader", address));
  }
  const impatient = new AbortController();

  const first = podAt(addressOf(0), agent).credentials("reader", impatient.signal);
  const gone = first.catch(() => "gone");
  const others = Array.from({ length: callers - 1 }, (_, index) =>
    podAt(addressOf(index + 1), agent).credentials("reader"),
  );
  const call = await asked;
  await waitFor("every pod to be asked for", async () => ((await started()) >= pods.length ? true : undefined));
  impatient.abort(new Error("no patience"));
  expect(await gone).toBe("gone");
  await podAt(addressOf(1), agent).get("/ping"); // By then the agent has seen the first one go.
  const { accessKeyId } = call.issue();
  const answers = await Promise.all(others);

  expect(answers.map((answer) => answer.accessKeyId)).toEqual(answers.map(() => accessKeyId));
  expect(answers.length).toBe(999);
  expect(server.sts.calls.length).toBe(1);
});

test("a thousand calls of agents at once on a cold identity, the first of which is given up: one call of STS, 999 answers", async () => {
  const { cluster, server, asked } = await createColdCluster();
  await using _cluster = cluster;
  for (const address of pods) {
    cluster.world.put(aPodWithRole("reader", address));
  }
  using connections = new DisposableStack();
  const agents = Array.from({ length: 20 }, () => connections.use(callerOf(server, cluster.pki.agent())));
  const impatient = new AbortController();
  const ask = (caller: number, signal?: AbortSignal) =>
    agents[caller % agents.length]?.kiam.getPodCredentials(
      { ip: addressOf(caller), role: "reader" },
      signal === undefined ? {} : { signal },
    );

  const gone = ask(0, impatient.signal)?.catch(() => "gone");
  const call = await asked;
  const others = Array.from({ length: callers - 1 }, (_, index) => ask(index + 1));
  await waitFor("every call to wait", async () =>
    (await server.metric("kiam_sts_cache_miss_total")) === callers ? true : undefined,
  );
  impatient.abort(new Error("no patience"));
  expect(await gone).toBe("gone");
  await waitFor(
    "the server to see it go",
    async () => (await server.metric(handled, ofCredentials)) === 1 || undefined,
  );
  const { accessKeyId } = call.issue();
  const answers = await Promise.all(others);

  expect(answers.map((answer) => answer?.accessKeyId)).toEqual(answers.map(() => accessKeyId));
  expect(answers.length).toBe(999);
  expect(server.sts.calls.length).toBe(1);
});
