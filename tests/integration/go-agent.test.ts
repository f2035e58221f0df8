import { expect, test } from "bun:test";
import type { StsCall } from "../fakes/sts.ts";
import { callerOf, refusalOf } from "./cluster/caller.ts";
import { createCluster } from "./cluster/cluster.ts";
import { roleBaseArn } from "./cluster/replica.ts";
import { aPodWithRole } from "./cluster/world.ts";

/** A server with one pod, and a client that does as the Go release's agent does: no claim, no token, no node. */
async function goAgent() {
  const cluster = await createCluster();
  cluster.world.put(aPodWithRole("/team/reader", "127.1.0.1"));
  const [server] = cluster.replicas;
  const agent = callerOf(server ?? { address: "", port: 0 }, cluster.pki.agent());
  return {
    cluster,
    server,
    kiam: agent.kiam,
    async [Symbol.asyncDispose]() {
      agent[Symbol.dispose]();
      await cluster[Symbol.asyncDispose]();
    },
  };
}

test("a Go agent gets a pod's role as annotated, and its credentials by any of the role's names", async () => {
  await using go = await goAgent();

  const role = await go.kiam.getPodRole({ ip: "127.1.0.1" });
  const answers = await Promise.all(
    ["/team/reader", "team/reader", `${roleBaseArn}team/reader`].map((name) =>
      go.kiam.getPodCredentials({ ip: "127.1.0.1", role: name }),
    ),
  );

  expect(role.name).toBe("/team/reader");
  expect(answers.map(go.cluster.roleOf)).toEqual(answers.map(() => "team/reader"));
  expect(answers.map(({ code, type }) => `${code} ${type}`)).toEqual(answers.map(() => "Success AWS-HMAC"));
  expect(answers[0]?.expiration).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  expect(go.server?.sts.calls.length).toBe(1);
});

test("a Go agent knows errors by their text, and the code of each is Unknown", async () => {
  await using go = await goAgent();
  go.server?.sts.onCall((call) => call.fail("refused", "AccessDenied"));

  const refusals = await Promise.all([
    refusalOf(go.kiam.getPodCredentials({ ip: "127.1.0.1", role: "writer" })),
    refusalOf(go.kiam.getPodRole({ ip: "127.1.0.9" })),
    refusalOf(go.kiam.getPodCredentials({ ip: "127.1.0.9", role: "reader" })),
    refusalOf(go.kiam.getPodCredentials({ ip: "127.1.0.1", role: "team/reader" })),
  ]);

  expect(refusals).toEqual([
    "Unknown: forbidden by policy",
    "Unknown: no pod found",
    "Unknown: no pod found",
    "Unknown: AccessDenied: AccessDenied, said STS",
  ]);
});

test("a Go agent's credentials are withdrawn with the pod, the annotation and the permission", async () => {
  await using go = await goAgent();
  const ask = () => go.kiam.getPodCredentials({ ip: "127.1.0.1", role: "team/reader" });
  const pod = go.cluster.world.put(aPodWithRole("/team/reader", "127.1.0.1"));
  await ask();

  go.cluster.world.permit("default", ".*role/writer");
  const unpermitted = await refusalOf(ask());
  go.cluster.world.permit("default", ".*");
  go.cluster.world.put({ ...pod, request: { source: "pod-annotation", role: "writer" } });
  const annotated = await refusalOf(ask());
  go.cluster.world.remove(pod);
  const gone = await refusalOf(ask());

  expect([unpermitted, annotated, gone]).toEqual([
    "Unknown: forbidden by policy",
    "Unknown: forbidden by policy",
    "Unknown: no pod found",
  ]);
});

test("what STS gives while the pod goes, or its permission, is given to nobody", async () => {
  await using go = await goAgent();
  const calls = Promise.withResolvers<StsCall>();
  go.server?.sts.onCall(calls.resolve);
  const unpermitted = refusalOf(go.kiam.getPodCredentials({ ip: "127.1.0.1", role: "team/reader" }));
  const call = await calls.promise;

  go.cluster.world.permit("default", ".*role/writer");
  call.issue();
  const first = await unpermitted;
  go.cluster.world.permit("default", ".*");
  const again = Promise.withResolvers<StsCall>();
  go.server?.sts.onCall(again.resolve);
  const pod = go.cluster.world.put(aPodWithRole("writer", "127.1.0.2"));
  const gone = refusalOf(go.kiam.getPodCredentials({ ip: "127.1.0.2", role: "writer" }));
  const next = await again.promise;
  go.cluster.world.remove(pod);
  go.cluster.world.put(aPodWithRole("reader", "127.1.0.2"));
  next.issue();

  expect([first, await gone]).toEqual(["Unknown: forbidden by policy", "Unknown: forbidden by policy"]);
});
