import { describe, expect, test } from "bun:test";
import { apiStatus, bookmark, watchEvent } from "../../fakes/api-objects.ts";
import { type FakeRequest, startFakeApiServer } from "../../fakes/api-server.ts";
import { connectionTo, headHasCome, listed, names, opened, pod, startFollowing } from "../../fakes/pod-follower.ts";

describe("a watch", () => {
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
