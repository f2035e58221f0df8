import { describe, expect, test } from "bun:test";
import { identityKey } from "../../../../src/domain/role-identity.ts";
import { neverAborted } from "../../../../src/runtime/abort.ts";
import { settle } from "../../../fakes/clock.ts";
import { minuteMs, reader, setUp } from "./set-up.ts";

const never = neverAborted();

describe("a refused prefetch", () => {
  test("is tried again ever more seldom, and at once when the annotation changes", async () => {
    const { want, forgetRefusal, sts, start, clock, peekAt } = setUp();
    sts.onCall((call) => call.fail("refused", "AccessDenied"));
    await using _running = start();
    want(reader, "default");

    await clock.advance(60 * minuteMs);
    expect(sts.calls.length).toBeWithin(8, 16);
    sts.onCall((call) => call.issue());
    forgetRefusal(identityKey(reader));
    await settle();

    expect(peekAt(reader)?.kind).toBe("issued");
  });

  test("is tried again for a new pod once its memory has passed", async () => {
    const { want, sts, start, clock } = setUp();
    sts.onCall((call) => call.fail("refused", "AccessDenied"));
    await using _running = start();
    want(reader, "default");
    await clock.advance(60 * minuteMs);
    for (const before = sts.calls.length; sts.calls.length === before; ) {
      await clock.advance(1_000);
    }
    const before = sts.calls.length;

    for (let pod = 0; pod < 100; pod += 1) {
      want(reader, "default")[Symbol.dispose]();
    }
    await clock.advance(59_000);
    expect(sts.calls.length).toBe(before);
    await clock.advance(2_000);

    expect(sts.calls.length).toBe(before + 1);
  });

  test("that was forgotten is fetched for the next pod at once", async () => {
    const { want, get, forgetRefusal, sts, start } = setUp();
    sts.onCall((call) => call.fail("refused", "AccessDenied"));
    await using _running = start();
    await get(reader, never);

    forgetRefusal(identityKey(reader));
    expect(sts.calls.length).toBe(1);
    want(reader, "default");
    await settle();

    expect(sts.calls.length).toBe(2);
  });

  test("is told of once, as long as it says the same", async () => {
    const { want, sts, start, clock, changed } = setUp();
    sts.onCall((call) => call.fail("refused", "AccessDenied"));
    await using _running = start();
    want(reader, "default");

    await clock.advance(5 * minuteMs);
    expect(changed.length).toBe(1);
    sts.onCall((call) => call.fail("refused", "RegionDisabledException"));
    await clock.advance(10 * minuteMs);

    expect(changed.length).toBe(2);
  });
});
