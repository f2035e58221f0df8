import { describe, expect, test } from "bun:test";
import type { Pod, PodUid } from "../../../src/domain/pod.ts";
import type { ApiConnection } from "../../../src/kubernetes/connection.ts";
import { followResource } from "../../../src/kubernetes/list-watch.ts";
import { podResource } from "../../../src/kubernetes/parse-pod.ts";
import { apiStatus, bookmark, podList, rawPod, watchEvent } from "../../fakes/api-objects.ts";
import { type FakeApiServer, type FakeRequest, startFakeApiServer } from "../../fakes/api-server.ts";
import { createFakeClock } from "../../fakes/clock.ts";
import { createRecordingLogger } from "../../fakes/recording-logger.ts";
import { createRecordingSink } from "../../fakes/resource-sink.ts";

/** More than the first pause after a failure, less than any time limit. */
const pauseMs = 1000;

function connectionTo(baseUrl: string): ApiConnection {
  return { baseUrl, access: async () => ({ kind: "access", tls: { rejectUnauthorized: true } }), refused: () => {} };
}

/** Follows the fake's pods until disposed. */
function startFollowing(connection: ApiConnection) {
  const clock = createFakeClock();
  const sink = createRecordingSink<Pod, PodUid>((pod) => pod.uid);
  const logger = createRecordingLogger();
  const stop = new AbortController();
  const told: string[] = [];
  let heardAtMs = Number.NaN;
  let onHeard = () => {};
  const done = followResource(
    {
      resource: podResource,
      connection,
      sink,
      clock,
      random: () => 0,
      logger,
      hooks: {
        synced: () => told.push("synced"),
        listed: (items) => told.push(`listed ${items}`),
        unreadable: (problem) => told.push(problem),
        heard(atMs) {
          heardAtMs = atMs;
          onHeard();
        },
      },
    },
    stop.signal,
  );
  return {
    clock,
    sink,
    logger,
    told,
    stop,
    done,
    get heardAtMs() {
      return heardAtMs;
    },
    /** Resolves the next time that something is heard. */
    hears: () =>
      new Promise<void>((resolve) => {
        onHeard = resolve;
      }),
    /** Lets the pause after a failure pass. */
    async pause() {
      await clock.waiting(pauseMs);
      await clock.advance(pauseMs);
    },
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("end of test"));
      await done;
    },
  };
}

/** How long it takes on the follower's clock, in steps of 125 ms. */
async function passedUntil(event: Promise<unknown>, { clock }: Follower): Promise<number> {
  const startMs = clock.now();
  let hasCome = false;
  void event.then(() => {
    hasCome = true;
  });
  while (!hasCome) {
    await clock.waiting(10_000);
    await clock.advance(125);
    await Promise.race([event, clock.waiting(10_000)]);
  }
  return clock.now() - startMs;
}

/** Resolves once only the wait for silence is left of a watch's time limits. */
async function headHasCome({ clock }: Follower): Promise<void> {
  while (clock.timers > 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

type Follower = ReturnType<typeof startFollowing>;

/** Answers the list that comes next, and takes the watch that follows it. */
async function listed(api: FakeApiServer, items: readonly unknown[], resourceVersion: string): Promise<FakeRequest> {
  (await api.next()).answer(200, podList(items, resourceVersion));
  return await api.next();
}

/** Begins the answer to a watch, and lets its first line arrive. */
async function opened(watch: FakeRequest, follower: Follower): Promise<void> {
  const heard = follower.hears();
  watch.open();
  await watch.send(bookmark(watch.query["resourceVersion"] ?? ""));
  await heard;
}

const pod = (name: string, resourceVersion = "10") => rawPod({ name, resourceVersion });
const names = ({ sink }: Follower) => [...sink.items.keys()].map(String).sort();

describe("a list", () => {
  test("is taken page by page and given as one", async () => {
    await using api = await startFakeApiServer();
    await using follower = startFollowing(connectionTo(api.baseUrl));

    const first = await api.next();
    first.answer(200, podList([pod("a"), pod("b")], "100", "page/2+"));
    const second = await api.next();
    second.answer(200, podList([pod("c")], "100"));
    const watch = await api.next();

    expect([first.path, first.query]).toEqual(["/api/v1/pods", { limit: "500" }]);
    expect(second.query).toEqual({ limit: "500", continue: "page/2+" });
    expect(watch.query).toMatchObject({
      watch: "1",
      allowWatchBookmarks: "true",
      resourceVersion: "100",
      timeoutSeconds: "270",
    });
    expect(follower.sink.calls).toEqual(["replaceAll 3"]);
    expect(follower.told).toEqual(["listed 3", "synced"]);
  });

  test("leaves out pods that are over, and says which can't be read", async () => {
    await using api = await startFakeApiServer();
    await using follower = startFollowing(connectionTo(api.baseUrl));

    await listed(api, [pod("a"), rawPod({ name: "over", status: { phase: "Failed" } }), { metadata: {} }], "100");

    expect(names(follower)).toEqual(["uid-a"]);
    expect(follower.told).toEqual(["a pod without uid", "listed 1", "synced"]);
  });

  test("begins again when its next page is no longer there", async () => {
    await using api = await startFakeApiServer();
    await using follower = startFollowing(connectionTo(api.baseUrl));

    (await api.next()).answer(200, podList([pod("a")], "100", "old"));
    (await api.next()).answer(410, apiStatus(410, "the provided continue parameter is too old"));
    await follower.pause();
    const again = await api.next();
    again.answer(200, podList([pod("b")], "200"));
    await api.next();

    expect(again.query).toEqual({ limit: "500" });
    expect(names(follower)).toEqual(["uid-b"]);
  });

  test.each([
    ["an error", (request: FakeRequest) => request.answer(500, apiStatus(500, "etcd is away"))],
    ["something other than JSON", (request: FakeRequest) => request.answer(200, "<html>login</html>")],
    ["something other than a list", (request: FakeRequest) => request.answer(200, {})],
    ["a redirect", (request: FakeRequest) => request.answer(302, "", { Location: "http://127.0.0.1:1/" })],
    ["a connection cut in the middle", (request: FakeRequest) => void request.send('{"items":[').then(request.cut)],
  ])("is taken again after %s", async (_, fail) => {
    await using api = await startFakeApiServer();
    await using follower = startFollowing(connectionTo(api.baseUrl));

    fail(await api.next());
    await follower.pause();
    await listed(api, [pod("a")], "100");

    expect(follower.sink.calls).toEqual(["replaceAll 1"]);
    expect(follower.logger.lines[0]?.level).toBe("warn");
  });

  test("that gets no answer is given up and taken again", async () => {
    await using api = await startFakeApiServer();
    await using follower = startFollowing(connectionTo(api.baseUrl));

    const unanswered = await api.next();
    await follower.clock.advance(30_000);
    await unanswered.left;
    await follower.pause();
    await listed(api, [pod("a")], "100");

    expect(names(follower)).toEqual(["uid-a"]);
    expect(follower.logger.lines[0]?.message).toBe("pods: could not list: no answer within 30000 ms");
  });

  test("waits as long as a busy server asks", async () => {
    await using api = await startFakeApiServer();
    await using follower = startFollowing(connectionTo(api.baseUrl));

    (await api.next()).answer(429, apiStatus(429, "too many requests"), { "Retry-After": "20" });
    await follower.clock.waiting(20_000);
    await follower.clock.advance(19_999);
    const before = api.requests;
    await follower.clock.advance(1);
    await listed(api, [], "100");

    expect(before).toBe(1);
  });
});

describe("a watch", () => {
  test("brings every change to the sink", async () => {
    await using api = await startFakeApiServer();
    await using follower = startFollowing(connectionTo(api.baseUrl));

    const watch = await listed(api, [pod("a"), pod("b"), pod("c")], "100");
    watch.open();
    await watch.send(watchEvent("ADDED", pod("d", "101")));
    await watch.send(watchEvent("MODIFIED", pod("a", "102")));
    await watch.send(watchEvent("DELETED", pod("b", "103")));
    await watch.send(
      watchEvent("MODIFIED", rawPod({ name: "c", resourceVersion: "104", status: { phase: "Succeeded" } })),
    );
    await follower.sink.called(5);

    expect(follower.sink.calls.slice(1)).toEqual(["upsert uid-d", "upsert uid-a", "remove uid-b", "remove uid-c"]);
    expect(names(follower)).toEqual(["uid-a", "uid-d"]);
  });

  test("takes a pod that was over already off when it is deleted", async () => {
    await using api = await startFakeApiServer();
    await using follower = startFollowing(connectionTo(api.baseUrl));

    const watch = await listed(api, [pod("a")], "100");
    watch.open();
    await watch.send(watchEvent("DELETED", rawPod({ name: "a", resourceVersion: "101", status: { phase: "Failed" } })));
    await follower.sink.called(2);

    expect(names(follower)).toEqual([]);
  });

  test("goes on over an object that can't be read", async () => {
    await using api = await startFakeApiServer();
    await using follower = startFollowing(connectionTo(api.baseUrl));

    const watch = await listed(api, [], "100");
    watch.open();
    await watch.send(watchEvent("ADDED", { metadata: { resourceVersion: "101" } }));
    await watch.send(watchEvent("ADDED", pod("a", "102")));
    await follower.sink.called(2);

    expect(names(follower)).toEqual(["uid-a"]);
    expect(follower.told).toContain("a pod without uid");
  });

  test("is understood wherever the network cuts it", async () => {
    await using api = await startFakeApiServer();
    await using follower = startFollowing(connectionTo(api.baseUrl));
    const role = { annotations: { "iam.amazonaws.com/role": "rôle-😀" } };
    const line = Buffer.from(`${JSON.stringify(watchEvent("ADDED", rawPod({ name: "a", metadata: role })))}\n`);
    const cutAt = line.indexOf("😀") + 2;

    const watch = await listed(api, [], "100");
    await opened(watch, follower);
    const heard = follower.hears();
    await watch.send(line.subarray(0, cutAt));
    await heard;
    await watch.send(line.subarray(cutAt));
    await follower.sink.called(2);

    expect(follower.sink.items.get("uid-a" as PodUid)?.request?.role).toBe("rôle-😀");
  });

  test.each([
    ["after an event", watchEvent("ADDED", pod("a", "105"))],
    ["after a bookmark", bookmark("105")],
  ])("that the server ends goes on from where it stood %s", async (_, last) => {
    await using api = await startFakeApiServer();
    await using follower = startFollowing(connectionTo(api.baseUrl));

    const watch = await listed(api, [], "100");
    await opened(watch, follower);
    const heard = follower.hears();
    await watch.send(last);
    await heard;
    await follower.clock.advance(60_000);
    watch.end();
    const next = await api.next();

    expect(next.query).toMatchObject({ watch: "1", resourceVersion: "105" });
    expect(follower.sink.calls).not.toContain("remove uid-a");
  });

  test("whose connection is cut in the middle of an event gets the event again", async () => {
    await using api = await startFakeApiServer();
    await using follower = startFollowing(connectionTo(api.baseUrl));

    const watch = await listed(api, [], "100");
    await opened(watch, follower);
    const heard = follower.hears();
    await watch.send('{"type":"ADDED","object":{"metadata":{"name"');
    await heard;
    watch.cut();
    await follower.pause();
    const next = await api.next();
    next.open();
    await next.send(watchEvent("ADDED", pod("a", "101")));
    await follower.sink.called(2);

    expect(next.query["resourceVersion"]).toBe("100");
    expect(names(follower)).toEqual(["uid-a"]);
  });

  test("that brings something other than an event is begun again before it", async () => {
    await using api = await startFakeApiServer();
    await using follower = startFollowing(connectionTo(api.baseUrl));

    const watch = await listed(api, [], "100");
    watch.open();
    await watch.send('{"type":"ADDED","object"\n');
    await watch.left;
    await follower.pause();
    const next = await api.next();

    expect(next.query).toMatchObject({ watch: "1", resourceVersion: "100" });
  });

  test("that brings nothing but garbage is given up for a new list", async () => {
    await using api = await startFakeApiServer();
    await using follower = startFollowing(connectionTo(api.baseUrl));

    let watch = await listed(api, [], "100");
    for (const _ of [1, 2, 3]) {
      watch.answer(200, "garbage\n");
      await follower.pause();
      watch = await api.next();
    }

    expect(watch.query).toEqual({ limit: "500" });
  });

  test("that falls silent is noticed after 90 s and begun again from where it stood", async () => {
    await using api = await startFakeApiServer();
    await using follower = startFollowing(connectionTo(api.baseUrl));

    const watch = await listed(api, [], "100");
    await opened(watch, follower);
    for (const resourceVersion of ["101", "102"]) {
      await follower.clock.advance(89_000);
      const heard = follower.hears();
      await watch.send(bookmark(resourceVersion));
      await heard;
    }
    await follower.clock.advance(90_000);
    await watch.left;
    await follower.pause();
    const next = await api.next();

    expect(next.query["resourceVersion"]).toBe("102");
    expect(follower.logger.lines.at(-1)?.message).toBe("pods: watch ended: nothing came for 90 s");
  });

  test("that is taken and never says anything is given up for a new list", async () => {
    await using api = await startFakeApiServer();
    await using follower = startFollowing(connectionTo(api.baseUrl));

    const first = await listed(api, [pod("a")], "99999999");
    first.open();
    await headHasCome(follower);
    await follower.clock.advance(90_000);
    await first.left;
    await follower.pause();
    const second = await api.next();
    second.open();
    await headHasCome(follower);
    await follower.clock.advance(90_000);
    await second.left;
    const third = await api.next();

    expect([second.query["watch"], third.query["watch"]]).toEqual(["1", undefined]);
  });

  test("whose head does not come is begun again", async () => {
    await using api = await startFakeApiServer();
    await using follower = startFollowing(connectionTo(api.baseUrl));

    const watch = await listed(api, [], "100");
    await follower.clock.advance(15_000);
    await watch.left;
    await follower.pause();
    const next = await api.next();

    expect(next.query["watch"]).toBe("1");
  });

  test.each([
    ["an answer", (watch: FakeRequest) => watch.answer(410, apiStatus(410, "too old resource version"))],
    [
      "an event",
      (watch: FakeRequest) => watch.answer(200, `${JSON.stringify(watchEvent("ERROR", apiStatus(410, "too old")))}\n`),
    ],
  ])("from a place too old is a new list: told by %s", async (_, refuse) => {
    await using api = await startFakeApiServer();
    await using follower = startFollowing(connectionTo(api.baseUrl));

    const watch = await listed(api, [pod("a"), pod("b")], "100");
    refuse(watch);
    await follower.pause();
    const next = await listed(api, [pod("b"), pod("c")], "900");

    expect(names(follower)).toEqual(["uid-b", "uid-c"]);
    expect(next.query["resourceVersion"]).toBe("900");
    expect(follower.told.filter((each) => each === "synced")).toHaveLength(1);
  });

  test("that is refused for a while leaves the sink as it is", async () => {
    await using api = await startFakeApiServer();
    await using follower = startFollowing(connectionTo(api.baseUrl));

    const watch = await listed(api, [pod("a")], "100");
    watch.answer(500, apiStatus(500, "etcd is away"));
    await follower.pause();
    const next = await api.next();

    expect(follower.logger.lines.at(-1)?.message).toBe("pods: could not watch: HTTP 500: etcd is away");
    expect(next.query).toMatchObject({ watch: "1", resourceVersion: "100" });
    expect(names(follower)).toEqual(["uid-a"]);
  });
});

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
