import { describe, expect, test } from "bun:test";
import { settle } from "../../../fakes/clock.ts";
import { aUid } from "../../../fakes/pods.ts";
import { identityOf } from "../../../fakes/sts.ts";
import { setUp, told } from "./set-up.ts";

describe("what changes under a running stream", () => {
  test("a pod deleted while its flight is up: its credentials are sent to nobody", async () => {
    await using hub = setUp();
    using stream = hub.watch();
    await stream.next();
    hub.put({ uid: "a", role: "reader" });
    await stream.soon();

    hub.pods.remove(aUid("a"));
    hub.sts.calls[0]?.issue();
    await settle();

    expect(told(await stream.soon())).toEqual({ pods: [], removed: ["a"], keys: [] });
    expect(await stream.soon()).toBeUndefined();
  });

  test("the same, with the flight landing before the reader looks: nothing is said of credentials that nobody may have", async () => {
    await using hub = setUp();
    using stream = hub.watch();
    await stream.next();

    hub.put({ uid: "a", role: "reader" });
    hub.sts.calls[0]?.issue();
    await settle();
    hub.pods.remove(aUid("a"));

    expect(told(await stream.soon())).toBe("heartbeat");
  });

  test("an annotation: the other role, its credentials as they come, and a refusal forgotten", async () => {
    await using hub = setUp();
    hub.put({ uid: "a", role: "reader" });
    using stream = hub.watch();
    await stream.next();
    hub.sts.calls[0]?.issue();
    await stream.soon();

    hub.put({ uid: "a", role: "writer" });
    const changed = told(await stream.soon());
    hub.sts.calls[1]?.fail("refused", "AccessDenied");
    const refused = told(await stream.soon());
    hub.put({ uid: "a", role: "reader" });
    const back = told(await stream.soon());
    hub.put({ uid: "a", role: "writer" });
    const again = told(await stream.soon());
    hub.sts.calls[2]?.issue();
    const granted = told(await stream.soon());

    expect([changed, refused]).toEqual([
      { pods: ["a allowed writer at 10.0.0.1"], removed: [], keys: [] },
      { pods: [], removed: [], keys: ["writer AccessDenied"] },
    ]);
    expect(back).toEqual({ pods: ["a allowed reader at 10.0.0.1"], removed: [], keys: ["reader 0"] });
    // STS refused it a moment ago; the annotation is a reason to ask it again, and not to say so again.
    expect(again).toEqual({ pods: ["a allowed writer at 10.0.0.1"], removed: [], keys: [] });
    expect(granted).toEqual({ pods: [], removed: [], keys: ["writer 2"] });
  });

  test("a session name: other credentials of the same role", async () => {
    await using hub = setUp();
    const pod = hub.put({ uid: "a", role: "reader" });
    using stream = hub.watch();
    await stream.next();
    hub.sts.calls[0]?.issue();
    await stream.soon();

    hub.put({ uid: "a", request: { source: "pod-annotation", role: "reader", sessionName: "other" } });
    const changed = await stream.soon();

    expect(told(changed)).toEqual({ pods: ["a allowed reader at 10.0.0.1"], removed: [], keys: [] });
    expect(hub.sts.calls[1]?.identity).toEqual({ role: identityOf("reader").role, sessionName: "kiam-other" });
    expect(pod.request?.role).toBe("reader");
  });

  test("a refusal is forgotten by an annotation changed on a node that another replica watches, too", async () => {
    await using hub = setUp();
    hub.put({ uid: "a", nodeName: "node-b", role: "writer" });
    const reader = identityOf("reader");
    const refused = hub.issuance.get(reader, "team", new AbortController().signal);
    hub.sts.calls[0]?.fail("refused", "AccessDenied");
    await refused;

    hub.put({ uid: "a", nodeName: "node-b", role: "reader" });
    void hub.issuance.get(reader, "team", new AbortController().signal);
    await settle();

    expect(hub.sts.calls.length).toBe(2);
  });

  test("a namespace narrowed: its pods are denied at once, their credentials no longer wanted; widened: the reverse", async () => {
    await using hub = setUp();
    hub.put({ uid: "a", role: "reader" });
    hub.put({ uid: "b", role: "writer", addresses: ["10.0.0.2"] });
    hub.put({ uid: "other", namespace: "other", role: "reader", addresses: ["10.0.0.3"] });
    using stream = hub.watch();
    await stream.next();
    hub.sts.calls[0]?.issue();
    await stream.soon();

    hub.permit("writer");
    const narrowed = told(await stream.soon());
    hub.permit("writer|reader");
    const widened = told(await stream.soon());

    const stillAllowed = "b allowed writer at 10.0.0.2";
    expect(narrowed).toEqual({ pods: ["a denied at 10.0.0.1", stillAllowed], removed: [], keys: [] });
    expect(widened).toEqual({ pods: ["a allowed reader at 10.0.0.1", stillAllowed], removed: [], keys: ["reader 0"] });
  });

  test("an address reused on the same node: the former pod is gone in the message that brings the new one", async () => {
    await using hub = setUp();
    hub.put({ uid: "old", role: "reader" });
    using stream = hub.watch();
    await stream.next();

    hub.pods.remove(aUid("old"));
    hub.put({ uid: "new", role: "writer" });

    expect(told(await stream.soon())).toEqual({
      pods: ["new allowed writer at 10.0.0.1"],
      removed: ["old"],
      keys: [],
    });
  });

  test("an address reused on another node: each node hears of its own pod only", async () => {
    await using hub = setUp();
    hub.put({ uid: "old", role: "reader" });
    using left = hub.watch("node-a");
    using right = hub.watch("node-b");
    await left.next();
    await right.next();

    hub.put({ uid: "new", role: "writer", nodeName: "node-b" });
    hub.pods.remove(aUid("old"));
    hub.sts.calls[0]?.issue();
    hub.sts.calls[1]?.issue();
    await settle();

    expect(told(await left.soon())).toEqual({ pods: [], removed: ["old"], keys: [] });
    expect(told(await right.soon())).toEqual({
      pods: ["new allowed writer at 10.0.0.1"],
      removed: [],
      keys: ["writer 1"],
    });
  });

  test("a pod that turns up on another node leaves the first", async () => {
    await using hub = setUp();
    hub.put({ uid: "a", role: "reader" });
    using left = hub.watch("node-a");
    using right = hub.watch("node-b");
    await left.next();
    await right.next();

    hub.put({ uid: "a", role: "reader", nodeName: "node-b" });

    expect(told(await left.soon())).toEqual({ pods: [], removed: ["a"], keys: [] });
    expect(told(await right.soon())).toEqual({ pods: ["a allowed reader at 10.0.0.1"], removed: [], keys: [] });
  });

  test("a role shared by pods: its credentials come once, and go on being renewed until the last pod is gone", async () => {
    await using hub = setUp();
    hub.sts.onCall((call) => call.issue());
    hub.put({ uid: "a", role: "reader" });
    hub.put({ uid: "b", role: "reader", addresses: ["10.0.0.2"] });
    using stream = hub.watch();
    await stream.next();
    const first = told(await stream.soon());

    hub.put({ uid: "c", role: "reader", addresses: ["10.0.0.3"] });
    const third = told(await stream.soon());
    hub.pods.remove(aUid("a"));
    hub.pods.remove(aUid("c"));
    await stream.soon();
    await hub.clock.advance(35 * 60_000);
    const renewed = told(await stream.soon());

    expect(first).toEqual({ pods: [], removed: [], keys: ["reader 0"] });
    expect(third).toEqual({ pods: ["c allowed reader at 10.0.0.3"], removed: [], keys: [] });
    expect(renewed).toEqual({ pods: [], removed: [], keys: ["reader 1"] });
  });
});

test("what policy learned of its own takes effect where it is asked again", async () => {
  await using hub = setUp();
  hub.put({ uid: "a", role: "reader" });
  hub.put({ uid: "b", role: "writer", addresses: ["10.0.0.2"] });
  using stream = hub.watch();
  await stream.next();

  hub.refused.add("writer");
  hub.hub.decideAgain();

  expect(told(await stream.soon())).toEqual({ pods: ["b denied at 10.0.0.2"], removed: [], keys: [] });
});

test("a list that replaces everything is told as what is different", async () => {
  await using hub = setUp();
  const kept = hub.put({ uid: "kept", role: "reader" });
  hub.put({ uid: "gone", addresses: ["10.0.0.2"] });
  using stream = hub.watch();
  await stream.next();

  hub.pods.replaceAll([kept, { ...kept, uid: aUid("new"), addresses: [], resourceVersion: "9000" }]);

  expect(told(await stream.soon())).toEqual({ pods: ["new allowed reader"], removed: ["gone"], keys: [] });
});

test("denied pods are counted, and written down once each, without secrets", async () => {
  await using hub = setUp();
  const request = { source: "pod-annotation", role: "admin", externalId: "a-secret" } as const;
  hub.put({ uid: "a", request });
  using first = hub.watch();
  await first.next();
  using second = hub.watch("node-a");
  await second.next();
  first.leave();
  second.leave();
  using third = hub.watch();
  await third.next();

  expect(hub.logger.lines).toEqual([
    {
      level: "error",
      message: "pod denied by policy",
      fields: {
        "pod.name": "reader-1",
        "pod.namespace": "default",
        "pod.status.ip": "10.0.0.1",
        "pod.status.phase": "Running",
        "pod.iam.role": "admin",
        "resource.version": "1001",
        "generation.metadata": 1,
        "pod.iam.roleArn": "arn:aws:iam::123456789012:role/admin",
        "policy.explanation":
          "namespace policy expression 'reader|writer' forbids role 'arn:aws:iam::123456789012:role/admin'",
      },
    },
  ]);
  expect(await hub.metric("kiam_policy_denials_total")).toBe(1);
});

test("after a list a stream says how far it has heard, though nothing of its node is different", async () => {
  await using hub = setUp();
  const kept = hub.put({ uid: "kept" });
  using stream = hub.watch();
  await stream.next();

  hub.pods.replaceAll([kept], "9000");

  expect(await stream.soon()).toEqual({ kind: "heartbeat", podsVersion: 9_000n });
});
