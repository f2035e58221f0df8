import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Sts } from "../../e2e/lab/sts.ts";
import { waitFor } from "../../e2e/lab/wait.ts";
import { faults } from "../../fakes/sts-faults/fault.ts";
import { refusalOf } from "../cluster/caller.ts";
import { credentialsOf } from "../cluster/pod-client.ts";
import { aPodWithRole } from "../cluster/world.ts";
import { createFaultyCluster, issuedFor, onlyFor, requestsFor } from "./faulty-cluster.ts";
import { startLoopbackSts } from "./loopback-sts.ts";

const address = "127.1.0.1";

let moto: Sts;
beforeAll(async () => {
  moto = await startLoopbackSts();
});
afterAll(() => moto?.[Symbol.asyncDispose]());

test("a refusal is remembered 5 s, doubling to 60 s: a pod that asks in a loop costs one request each time", async () => {
  await using cluster = await createFaultyCluster(moto.endpoint);
  const { proxy, clock, go, world } = cluster;
  proxy.decide = () => faults.denied;
  world.put(aPodWithRole("reader", address));
  const askInLoop = async () => {
    for (let time = 0; time < 5; time += 1) {
      await refusalOf(go.getPodCredentials({ ip: address, role: "reader" }));
    }
    return proxy.requests.length;
  };

  const requests = [await askInLoop()];
  for (const seconds of [5, 10, 20, 40, 60, 60]) {
    clock.putForward((seconds - 2) * 1_000); // Real time passes besides.
    requests.push(await askInLoop());
    clock.putForward(2_000);
    requests.push(await askInLoop());
  }

  expect(requests).toEqual([1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7]);
});

test("a refusal is forgotten when the pod's annotation changes, and its pod served at once", async () => {
  await using cluster = await createFaultyCluster(moto.endpoint);
  const { proxy, world } = cluster;
  const { ask } = await cluster.startAgent();
  const pod = aPodWithRole("reader", address);
  proxy.decide = () => faults.denied;
  world.put(pod);
  expect((await ask("reader", address)).status).toBe(503);
  const refused = requestsFor("reader", proxy);

  proxy.decide = () => faults.none;
  world.put({ ...pod, request: { source: "pod-annotation", role: "other" } });
  world.put(pod);
  const served = await waitFor(
    "the credentials",
    credentialsOf(() => ask("reader", address)),
    2_000,
  );

  expect(issuedFor(proxy, served)).toBe("reader");
  expect(requestsFor("reader", proxy)).toBe(refused + 1);
});

describe("a role whose sessions may not last as long as asked", () => {
  test("costs one request more, once: an hour is asked for from then on, and the log says so", async () => {
    await using cluster = await createFaultyCluster(moto.endpoint, 4 * 3_600);
    const { proxy, go, world, warnings } = cluster;
    proxy.decide = (request) =>
      request.form.get("DurationSeconds") === "3600" ? faults.none : onlyFor("short", faults.tooLong)(request);
    world.put(aPodWithRole("short", "127.1.0.1"));
    const request = { source: "pod-annotation", role: "short", sessionName: "billing" } as const;
    world.put(aPodWithRole("short", "127.1.0.2", { request }));
    world.put(aPodWithRole("long", "127.1.0.3"));

    for (const [ip, role] of [
      ["127.1.0.1", "short"],
      ["127.1.0.2", "short"],
      ["127.1.0.3", "long"],
    ] as const) {
      expect(issuedFor(proxy, await go.getPodCredentials({ ip, role }))).toBe(role);
    }

    expect(proxy.requests.map(({ form }) => form.get("DurationSeconds"))).toEqual(["14400", "3600", "3600", "14400"]);
    expect(warnings).toEqual([
      "role arn:aws:iam::123456789012:role/short does not allow sessions of 14400 s: asking for 3600 s",
    ]);
  });
});

describe("the server's own credentials, when STS does not take them", () => {
  test("cost no role its good name: once they are well, pods get theirs within two seconds", async () => {
    await using cluster = await createFaultyCluster(moto.endpoint);
    const { proxy, world, server, clock, go } = cluster;
    const { ask } = await cluster.startAgent();
    const pods = Array.from({ length: 10 }, (_, index) => ({ role: `role-${index}`, at: `127.1.0.${index + 1}` }));
    const askAll = () => Promise.all(pods.map(({ role, at }) => ask(role, at)));
    proxy.decide = () => faults.expiredToken;
    for (const { role, at } of pods) {
      world.put(aPodWithRole(role, at));
    }
    for (let minute = 0; minute < 10; minute += 1) {
      clock.putForward(60_000);
      const refusals = await Promise.all(pods.map(({ role, at: ip }) => refusalOf(go.getPodCredentials({ ip, role }))));
      expect(refusals.filter((text) => !text.includes("ExpiredToken"))).toEqual([]);
    }
    const asked = proxy.requests.length;

    proxy.decide = () => faults.none;
    const served = await waitFor(
      "all pods' credentials",
      async () => {
        const answers = await askAll();
        return answers.every(({ status }) => status === 200) ? answers : undefined;
      },
      2_500,
    );

    expect(served.map((answer) => issuedFor(proxy, answer))).toEqual(pods.map(({ role }) => role));
    expect(await server.metric("kiam_sts_remembered_refusals_total")).toBe(0);
    expect(asked).toBeLessThan(40);
  });
});
