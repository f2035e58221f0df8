import { describe, expect, test } from "bun:test";
import type { PodUid } from "../../../src/domain/pod.ts";
import { rawPod, watchEvent } from "../../fakes/api-objects.ts";
import { startFakeApiServer } from "../../fakes/api-server.ts";
import { connectionTo, listed, names, opened, pod, startFollowing } from "../../fakes/pod-follower.ts";

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
});
