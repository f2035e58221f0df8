import { describe, expect, test } from "bun:test";
import { identityKey } from "../../../../src/domain/role-identity.ts";
import { settle } from "../../../fakes/clock.ts";
import { aUid } from "../../../fakes/pods.ts";
import { identityOf } from "../../../fakes/sts.ts";
import { openStream, setUp, told } from "./set-up.ts";

describe("two streams of one node", () => {
  test("share decisions and wants, and both are told everything", async () => {
    await using hub = setUp();
    using first = hub.watch();
    using second = openStream(hub.hub, "node-a");
    await first.next();
    await second.next();

    hub.put({ uid: "a", role: "reader" });
    const decided = hub.decided.length;
    hub.sts.calls[0]?.issue();
    await settle();

    const all = { pods: ["a allowed reader at 10.0.0.1"], removed: [], keys: ["reader 0"] };
    expect([told(await first.soon()), told(await second.soon())]).toEqual([all, all]);
    expect(decided).toBe(1);
    expect(hub.sts.calls.length).toBe(1);
  });

  test("the node is fed on when one of them leaves", async () => {
    await using hub = setUp();
    using first = hub.watch();
    using second = hub.watch();
    await first.next();
    await second.next();

    first.leave();
    hub.put({ uid: "a", role: "reader" });
    hub.sts.calls[0]?.issue();
    await settle();

    expect(told(await second.soon())).toEqual({
      pods: ["a allowed reader at 10.0.0.1"],
      removed: [],
      keys: ["reader 0"],
    });
  });
});

test("an identity is wanted while a pod of a watched node may have it, and no longer", async () => {
  await using hub = setUp();
  const wants: string[] = [];
  const key = identityKey(identityOf("reader"));
  using stream = hub.watch();
  await stream.next();

  const renewalsAfter = async (ms: number) => {
    const before = hub.sts.calls.length;
    await hub.clock.advance(ms);
    wants.push(`${hub.sts.calls.length - before}`);
  };
  hub.sts.onCall((call) => call.issue());
  hub.put({ uid: "a", role: "reader" });
  await renewalsAfter(40 * 60_000);
  hub.pods.remove(aUid("a"));
  await renewalsAfter(40 * 60_000);

  // The first call came with the pod itself; then one renewal while it lived, and none after.
  expect(wants).toEqual(["1", "0"]);
  expect(hub.issuance.peek(key)).toBeUndefined();
});
