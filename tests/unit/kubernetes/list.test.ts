import { describe, expect, test } from "bun:test";
import { apiStatus, podList, rawPod } from "../../fakes/api-objects.ts";
import { type FakeRequest, startFakeApiServer } from "../../fakes/api-server.ts";
import { connectionTo, listed, names, pod, startFollowing } from "../../fakes/pod-follower.ts";

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

  test("asks for the next page before it reads one, which then may turn out to be none", async () => {
    await using api = await startFakeApiServer();
    await using follower = startFollowing(connectionTo(api.baseUrl));
    const whole = JSON.stringify(podList([pod("a")], "100", "b"));

    (await api.next()).answer(200, whole.slice(0, -10));
    const second = await api.next();
    second.answer(200, podList([pod("b")], "100"));
    await follower.pause();
    await listed(api, [pod("c")], "200");

    expect(second.query).toEqual({ limit: "500", continue: "b" });
    expect(names(follower)).toEqual(["uid-c"]);
  });

  test("finds the next page wherever the page names it", async () => {
    await using api = await startFakeApiServer();
    await using follower = startFollowing(connectionTo(api.baseUrl));
    const decoy = { ...pod("a"), kind: "PodList", continue: "decoy" };

    (await api.next()).answer(200, { items: [decoy], metadata: { continue: "b", resourceVersion: "100" } });
    const second = await api.next();
    second.answer(200, podList([pod("b")], "100"));
    await api.next();

    expect(second.query).toEqual({ limit: "500", continue: "b" });
    expect(names(follower)).toEqual(["uid-a", "uid-b"]);
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
