import { describe, expect, test } from "bun:test";
import { neverAborted } from "../../../../src/runtime/abort.ts";
import { codeOf, hourMs, issuedOf, minuteMs, reader, setUp, stateOf } from "./set-up.ts";

const never = neverAborted();

describe("credentials with less than fifteen minutes left", () => {
  async function withOldCredentials() {
    const parts = setUp();
    parts.sts.onCall((call) => call.issue());
    const old = issuedOf(await parts.get(reader, never));
    parts.sts.onCall(() => {});
    await parts.clock.advance(hourMs - 15 * minuteMs + 1);
    return { ...parts, old };
  }

  test("are renewed before anything is handed out", async () => {
    const { get, sts, old } = await withOldCredentials();

    const answer = get(reader, never);
    expect(await stateOf(answer)).toBe("waiting");
    const renewed = sts.calls[1]?.issue();

    expect(issuedOf(await answer)).toBe(renewed);
    expect(renewed).not.toEqual(old);
  });

  test("are handed out when STS refuses to renew them, from then on at once", async () => {
    const { get, sts, old } = await withOldCredentials();

    const answer = get(reader, never);
    sts.calls[1]?.fail("refused");

    expect(issuedOf(await answer)).toEqual(old);
    expect(issuedOf(await get(reader, never))).toEqual(old);
    expect(sts.calls.length).toBe(2);
  });

  test("are handed out when STS does not answer within what SDKs wait, from then on at once", async () => {
    const { get, clock, old } = await withOldCredentials();

    const answer = get(reader, never);
    await clock.advance(799);
    expect(await stateOf(answer)).toBe("waiting");
    await clock.advance(1);

    expect(issuedOf(await answer)).toEqual(old);
    expect(await stateOf(get(reader, never))).toBe("answered");
  });

  test("are handed out where what STS issues now would expire before them", async () => {
    const { get, sts, old } = await withOldCredentials();

    const answer = get(reader, never);
    sts.calls[1]?.issue(minuteMs);

    expect(issuedOf(await answer)).toEqual(old);
  });

  test("are waited for again once STS has answered", async () => {
    const { get, sts, clock } = await withOldCredentials();
    const late = get(reader, never);
    await clock.advance(800);
    await late;

    sts.calls[1]?.issue();
    await clock.advance(hourMs - 10 * minuteMs);

    expect(await stateOf(get(reader, never))).toBe("waiting");
    expect(sts.up).toBe(1);
  });

  test("are a failure when they expire before STS answers", async () => {
    const { get, clock } = await withOldCredentials();
    await clock.advance(15 * minuteMs - 501);

    const answer = get(reader, never);
    await clock.advance(800);

    expect(codeOf(await answer)).toBe("Timeout");
  });

  test("are not waited for by one who leaves", async () => {
    const { get } = await withOldCredentials();
    const impatient = new AbortController();

    const answer = get(reader, impatient.signal);
    impatient.abort(new Error("pod gone"));

    await expect(answer).rejects.toThrow("pod gone");
  });

  test("are handed out as they are where renewal is not due before", async () => {
    const { get, sts, clock } = setUp({ refreshAheadMs: 10 * minuteMs });
    sts.onCall((call) => call.issue());
    await get(reader, never);
    await clock.advance(hourMs - 11 * minuteMs);

    expect(await stateOf(get(reader, never))).toBe("answered");
    expect(sts.calls.length).toBe(1);
  });
});

describe("time passes expiry", () => {
  test("in one jump: what is held is not handed out any more", async () => {
    const { get, sts, clock, peekAt } = setUp();
    sts.onCall((call) => call.issue());
    const old = issuedOf(await get(reader, never));
    sts.onCall(() => {});

    await clock.advance(hourMs);
    const answer = get(reader, never);
    expect(peekAt(reader)).toBeUndefined();
    expect(await stateOf(answer)).toBe("waiting");
    sts.calls[1]?.issue();

    expect(issuedOf(await answer)).not.toEqual(old);
  });

  test("while the answer is on its way: it is a failure", async () => {
    const { get, sts, metric, peekAt } = setUp();

    const answer = get(reader, never);
    sts.calls[0]?.issue(0);

    expect(codeOf(await answer)).toBe("Expired");
    expect(codeOf(peekAt(reader))).toBe("Expired");
    expect([await metric("kiam_sts_cacheSize"), await metric("kiam_sts_issuing_errors_total")]).toEqual([0, 1]);
  });

  test("while the renewal of the last minutes is waited for: neither the old nor a failure's memory is handed out", async () => {
    const { get, sts, clock } = setUp();
    sts.onCall((call) => call.issue());
    await get(reader, never);
    sts.onCall(() => {});
    await clock.advance(hourMs - 500);

    const answer = get(reader, never);
    await clock.advance(600);
    sts.calls[1]?.fail("unavailable");

    expect(codeOf(await answer)).toBe("unavailable");
  });
});
