import { describe, expect, test } from "bun:test";
import { identityKey } from "../../../../src/domain/role-identity.ts";
import { neverAborted } from "../../../../src/runtime/abort.ts";
import { codeOf, hourMs, reader, setUp, writer } from "./set-up.ts";

const never = neverAborted();

describe("a refusal", () => {
  test("is remembered for 5 s, so that a pod in a loop does not cost a call a request", async () => {
    const { get, sts, clock, metric } = setUp();
    sts.onCall((call) => call.fail("refused", "AccessDenied"));

    await get(reader, never);
    await clock.advance(4_999);
    const remembered = await get(reader, never);
    expect([codeOf(remembered), sts.calls.length]).toEqual(["AccessDenied", 1]);
    await clock.advance(1);
    await get(reader, never);

    expect(sts.calls.length).toBe(2);
    expect(await metric("kiam_sts_remembered_refusals_total")).toBe(1);
    expect(await metric("kiam_sts_issuing_errors_total")).toBe(2);
  });

  test("is remembered twice as long the next time, a minute at most", async () => {
    const { get, sts, clock, start } = setUp();
    await using _running = start();
    sts.onCall((call) => call.fail("refused", "AccessDenied"));

    const askedAt: number[] = [];
    for (let second = 0; second < 200; second += 1) {
      const before = sts.calls.length;
      await get(reader, never);
      if (sts.calls.length > before) {
        askedAt.push(second);
      }
      await clock.advance(1_000);
    }

    expect(askedAt).toEqual([0, 5, 15, 35, 75, 135, 195]);
  });

  test("is forgotten when the annotation changes", async () => {
    const { get, sts, forgetRefusal } = setUp();
    sts.onCall((call) => call.fail("refused", "AccessDenied"));
    await get(reader, never);
    sts.onCall((call) => call.issue());

    forgetRefusal(identityKey(reader));

    expect((await get(reader, never)).kind).toBe("issued");
  });

  test("alone is forgotten when the annotation changes, not what else went wrong", async () => {
    const { get, sts, forgetRefusal, peekAt } = setUp();
    sts.onCall((call) => call.fail("unavailable"));
    await get(reader, never);

    forgetRefusal(identityKey(reader));

    expect(codeOf(peekAt(reader))).toBe("unavailable");
  });

  test("is forgotten once credentials were issued", async () => {
    const { get, sts, clock, peekAt } = setUp();
    sts.onCall((call) => call.fail("refused", "AccessDenied"));
    await get(reader, never);
    await clock.advance(5_000);
    sts.onCall((call) => call.issue());
    await get(reader, never);

    await clock.advance(hourMs);
    expect(peekAt(reader)).toBeUndefined();
    sts.onCall((call) => call.fail("refused", "AccessDenied"));
    await get(reader, never);
    await clock.advance(5_000);
    await get(reader, never);

    expect(sts.calls.length).toBe(4);
  });

  test("of one identity says nothing of another", async () => {
    const { get, sts } = setUp();
    sts.onCall((call) => (call.identity === reader ? call.fail("refused") : call.issue()));
    await get(reader, never);

    expect((await get(writer, never)).kind).toBe("issued");
  });
});
