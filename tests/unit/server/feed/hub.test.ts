import { describe, expect, test } from "bun:test";
import { settle } from "../../../fakes/clock.ts";
import { aUid } from "../../../fakes/pods.ts";
import { identityOf } from "../../../fakes/sts.ts";
import { heartbeatIntervalMs, setUp, told } from "./set-up.ts";

describe("a stream", () => {
  test("begins with everything of its node and nothing of others, and does not wait for STS", async () => {
    await using hub = setUp();
    hub.put({ uid: "a", role: "reader" });
    hub.put({ uid: "b", addresses: ["10.0.0.2"] });
    hub.put({ uid: "c", role: "admin", addresses: [] });
    hub.put({ uid: "far", nodeName: "node-b", role: "writer", addresses: ["10.0.1.1"] });
    using stream = hub.watch();

    const snapshot = await stream.next();

    expect(snapshot).toMatchObject({ kind: "snapshot", nodeName: "node-a", heartbeatIntervalMs });
    expect(told(snapshot)).toEqual({
      pods: ["a allowed reader at 10.0.0.1", "b no-role at 10.0.0.2", "c denied"],
      keys: [],
    });
  });

  test("begins with the credentials that are held at that moment, and brings later ones as they come", async () => {
    await using hub = setUp();
    hub.put({ uid: "a", role: "reader" });
    hub.put({ uid: "b", role: "writer", addresses: ["10.0.0.2"] });
    using first = hub.watch();
    await first.next();
    hub.sts.calls[0]?.issue();
    await settle();
    using second = hub.watch();

    const snapshot = await second.next();
    hub.sts.calls[1]?.issue();

    expect(told(snapshot)).toMatchObject({ keys: ["reader 0"] });
    expect(told(await second.soon())).toEqual({ pods: [], removed: [], keys: ["writer 1"] });
  });

  test("brings the failures of STS too", async () => {
    await using hub = setUp();
    hub.put({ uid: "a", role: "reader" });
    using stream = hub.watch();
    await stream.next();

    hub.sts.calls[0]?.fail("refused", "AccessDenied");

    expect(told(await stream.soon())).toEqual({ pods: [], removed: [], keys: ["reader AccessDenied"] });
  });

  test("misses nothing between its snapshot and what comes after", async () => {
    await using hub = setUp();
    using stream = hub.watch();
    await stream.next();

    // Before the reader asks for more.
    hub.put({ uid: "a", role: "reader" });
    hub.put({ uid: "a", role: "reader", addresses: ["10.0.0.1"], startedAtMs: 5 });
    hub.sts.calls[0]?.issue();
    await settle();

    expect(told(await stream.soon())).toEqual({
      pods: ["a allowed reader at 10.0.0.1"],
      removed: [],
      keys: ["reader 0"],
    });
    expect(await stream.soon()).toBeUndefined();
  });

  test("says what is new of a pod, and that it is gone", async () => {
    await using hub = setUp();
    using stream = hub.watch();
    await stream.next();

    hub.put({ uid: "a", addresses: [] });
    const scheduled = told(await stream.soon());
    hub.put({ uid: "a", addresses: ["10.0.0.1"] });
    const started = told(await stream.soon());
    hub.pods.remove(aUid("a"));
    const gone = told(await stream.soon());

    expect([scheduled, started, gone]).toEqual([
      { pods: ["a no-role"], removed: [], keys: [] },
      { pods: ["a no-role at 10.0.0.1"], removed: [], keys: [] },
      { pods: [], removed: ["a"], keys: [] },
    ]);
  });

  test("says nothing of what no agent needs to know, nor of other nodes", async () => {
    await using hub = setUp();
    hub.put({ uid: "a" });
    using stream = hub.watch();
    await stream.next();

    hub.put({ uid: "far", nodeName: "node-b", role: "reader" });
    hub.put({ uid: "pending", nodeName: "", role: "reader" });
    hub.permit("writer");

    expect(await stream.soon()).toBeUndefined();
    expect(hub.sts.calls).toEqual([]);
  });

  test("says that it is there when it has said nothing for a while", async () => {
    await using hub = setUp();
    using stream = hub.watch();
    await stream.next();
    await stream.soon();

    await hub.clock.advance(heartbeatIntervalMs - 1);
    const early = await stream.soon();
    await hub.clock.advance(1);
    const due = await stream.soon();
    await stream.soon();
    await hub.clock.advance(heartbeatIntervalMs - 1);
    hub.put({ uid: "a" });
    const change = await stream.soon();
    await stream.soon();
    await hub.clock.advance(heartbeatIntervalMs - 1);
    const afterChange = await stream.soon();
    await hub.clock.advance(1);

    expect([early, due, change, afterChange, await stream.soon()].map((update) => update?.kind)).toEqual([
      undefined,
      "heartbeat",
      "changes",
      undefined,
      "heartbeat",
    ]);
  });

  test("is told the newest only, however much happens while its reader is busy", async () => {
    await using hub = setUp();
    hub.put({ uid: "a", role: "reader" });
    using stream = hub.watch();
    await stream.next();

    for (let turn = 0; turn < 1_000; turn += 1) {
      hub.put({ uid: "a", role: turn % 2 === 0 ? "writer" : "reader", addresses: [`10.0.${turn >> 8}.${turn & 255}`] });
      hub.put({ uid: `short-lived-${turn}` });
      hub.pods.remove(aUid(`short-lived-${turn}`));
    }
    const update = told(await stream.soon());

    expect(update).toEqual({ pods: ["a allowed reader at 10.0.3.231"], removed: [], keys: [] });
    expect(await stream.soon()).toBeUndefined();
  });

  test("ends when it is aborted, and holds nothing from that moment, also while its reader is away", async () => {
    await using hub = setUp();
    hub.put({ uid: "a", role: "reader" });
    const [reading, away] = [hub.watch("node-a"), hub.watch("node-a")];
    await reading.next();
    await away.next();
    const waiting = reading.ended();

    reading.leave();
    const whileOneReads = await hub.metric("kiam_feed_streams");
    away.leave();

    expect(await waiting).toBeTrue();
    expect([whileOneReads, await hub.metric("kiam_feed_streams")]).toEqual([1, 0]);
    const asked = hub.decided.length;
    hub.put({ uid: "a", role: "writer" });
    // Once, for the refusal that may be forgotten.
    expect(hub.decided.length).toBe(asked + 1);
    expect(hub.sts.calls.map(({ identity }) => identity.role)).toEqual([identityOf("reader").role]);
    expect(await away.ended()).toBeTrue();
  });

  test("that is aborted before it begins takes nothing up", async () => {
    await using hub = setUp();
    hub.put({ uid: "a", role: "reader" });
    const stream = hub.watch();
    stream.leave();

    expect(await stream.ended()).toBeTrue();
    expect(hub.sts.calls).toEqual([]);
    expect(await hub.metric("kiam_feed_streams")).toBe(0);
  });

  test("lets go where its reader simply stops", async () => {
    await using hub = setUp();

    for await (const _update of hub.hub.watch("node-a", new AbortController().signal)) {
      break;
    }

    expect(await hub.metric("kiam_feed_streams")).toBe(0);
  });
});
