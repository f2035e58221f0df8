import { expect, test } from "bun:test";
import type { ApiConnection } from "../../../src/kubernetes/connection.ts";
import { followResource } from "../../../src/kubernetes/list-watch.ts";
import { podResource } from "../../../src/kubernetes/parse-pod.ts";
import { apiStatus, bookmark, podList, rawPod, watchEvent } from "../../fakes/api-objects.ts";
import { startFakeApiServer } from "../../fakes/api-server.ts";
import { createFakeClock } from "../../fakes/clock.ts";
import { connectionTo, listed, opened, passedUntil, pauseMs, pod, startFollowing } from "../../fakes/pod-follower.ts";
import { createRecordingLogger } from "../../fakes/recording-logger.ts";

test("each request shows what the connection gives then: a rotated token is in use after the old one was refused", async () => {
  await using api = await startFakeApiServer();
  const tokens = ["old", "old", "new", "new"];
  let refusals = 0;
  const connection: ApiConnection = {
    baseUrl: api.baseUrl,
    access: async () => ({
      kind: "access",
      tls: { rejectUnauthorized: true },
      authorization: `Bearer ${tokens.shift()}`,
    }),
    refused: () => {
      refusals += 1;
    },
  };
  await using follower = startFollowing(connection);

  (await api.next()).answer(200, podList([pod("a")], "100"));
  const refused = await api.next();
  refused.answer(401, apiStatus(401, "Unauthorized"));
  await follower.pause();
  const accepted = await api.next();

  expect([refused.headers["authorization"], accepted.headers["authorization"]]).toEqual(["Bearer old", "Bearer new"]);
  expect([refusals, accepted.query["resourceVersion"]]).toEqual([1, "100"]);
});

test("nothing to log in with is told, and tried again", async () => {
  await using api = await startFakeApiServer();
  let isUsable = false;
  await using follower = startFollowing({
    ...connectionTo(api.baseUrl),
    access: async () =>
      isUsable
        ? { kind: "access", tls: { rejectUnauthorized: true } }
        : { kind: "unusable", problem: "service account: no such file" },
  });

  await follower.clock.waiting(pauseMs);
  isUsable = true;
  await follower.pause();
  await listed(api, [], "100");

  expect(follower.logger.lines[0]?.message).toBe("pods: could not list: service account: no such file");
});

test("an API server that is away is told once in a while, and the sink left as it is", async () => {
  const api = await startFakeApiServer();
  await using follower = startFollowing(connectionTo(api.baseUrl));

  await listed(api, [pod("a")], "100");
  await api[Symbol.asyncDispose]();
  for (let time = 0; time < 15; time += 1) {
    await follower.clock.waiting(5000);
    await follower.clock.advance(5000);
  }

  const warnings = follower.logger.lines.filter((line) => line.level === "warn");
  expect(warnings.map((line) => line.fields?.["failures"])).toEqual([1, 11]);
  expect(follower.sink.calls).toEqual(["replaceAll 1"]);
});

test("watches that the server never takes are tried ever more slowly, however long each hangs", async () => {
  await using api = await startFakeApiServer();
  await using follower = startFollowing(connectionTo(api.baseUrl));

  let watch = await listed(api, [], "100");
  const pauses: number[] = [];
  for (const _ of [1, 2, 3]) {
    await follower.clock.advance(15_000);
    await watch.left;
    const next = api.next();
    pauses.push(await passedUntil(next, follower));
    watch = await next;
  }

  expect(pauses).toEqual([125, 250, 500]);
});

test("what comes is told with its time, so that the age of what is known can be shown", async () => {
  await using api = await startFakeApiServer();
  await using follower = startFollowing(connectionTo(api.baseUrl));

  const watch = await listed(api, [], "100");
  await opened(watch, follower);
  await follower.clock.advance(30_000);
  const heard = follower.hears();
  await watch.send(bookmark("101"));
  await heard;

  expect(follower.heardAtMs).toBe(follower.clock.now());
});

test("an abort ends it, closes the watch, and leaves no timer", async () => {
  await using api = await startFakeApiServer();
  const follower = startFollowing(connectionTo(api.baseUrl));

  const watch = await listed(api, [], "100");
  await opened(watch, follower);
  follower.stop.abort(new Error("shutting down"));
  await follower.done;
  await watch.left;

  expect(follower.clock.timers).toBe(0);
  expect(follower.logger.lines.map((line) => line.message)).toEqual(["pods: listed"]);
});

test("an abort in a pause ends it", async () => {
  await using api = await startFakeApiServer();
  const follower = startFollowing(connectionTo(api.baseUrl));

  (await api.next()).answer(500, apiStatus(500, "etcd is away"));
  await follower.clock.waiting(pauseMs);
  follower.stop.abort(new Error("shutting down"));
  await follower.done;

  expect(follower.clock.timers).toBe(0);
});

test("the end of a pod is told with the version of the news, whether the pod is deleted or only over", async () => {
  await using api = await startFakeApiServer();
  await using follower = startFollowing(connectionTo(api.baseUrl));
  const watch = await listed(api, [pod("a"), pod("b")], "100");

  await opened(watch, follower);
  await watch.send(watchEvent("DELETED", pod("a", "101")));
  await watch.send(watchEvent("MODIFIED", rawPod({ name: "b", resourceVersion: "102", status: { phase: "Failed" } })));
  await follower.sink.called(3);

  expect(follower.sink.removals).toEqual(["uid-a at 101", "uid-b at 102"]);
});

test("what the sink throws is not taken for the server's fault", async () => {
  await using api = await startFakeApiServer();
  const sink = {
    replaceAll: () => {},
    upsert: () => {
      throw new Error("a bug");
    },
    remove: () => {},
  };
  const connection = connectionTo(api.baseUrl);
  const clock = createFakeClock();
  const logger = createRecordingLogger();
  const options = { resource: podResource, connection, sink, clock, random: () => 0, logger, hooks: {} };

  const following = followResource(options, new AbortController().signal);
  const watch = await listed(api, [], "100");
  watch.open();
  const [outcome] = await Promise.allSettled([following, watch.send(watchEvent("ADDED", pod("a", "101")))]);

  expect(outcome).toMatchObject({ status: "rejected", reason: new Error("a bug") });
});
