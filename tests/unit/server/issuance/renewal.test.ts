import { describe, expect, test } from "bun:test";
import { identityKey } from "../../../../src/domain/role-identity.ts";
import { neverAborted } from "../../../../src/runtime/abort.ts";
import { settle } from "../../../fakes/clock.ts";
import { aUid } from "../../../fakes/pods.ts";
import { codeOf, dueMs, hourMs, issuedOf, minuteMs, reader, setUp, stateOf } from "./set-up.ts";

const never = neverAborted();

/** The reader's credentials wanted and held, and due for renewal now. */
async function withDueRenewal() {
  const parts = setUp();
  const running = parts.start();
  parts.sts.onCall((call) => call.issue());
  parts.want(reader, "default");
  await settle();
  const old = issuedOf(parts.peekAt(reader));
  parts.sts.onCall(() => {});
  await parts.clock.advance(dueMs);
  return { ...parts, old, [Symbol.asyncDispose]: () => running[Symbol.asyncDispose]() };
}

test("credentials are renewed as long ahead as is said, not before", async () => {
  const { want, sts, start, clock, metric } = setUp();
  sts.onCall((call) => call.issue());
  await using _running = start();
  want(reader, "default");

  await clock.advance(dueMs - 1);
  expect(sts.calls.length).toBe(1);
  await clock.advance(1);

  expect(sts.calls.length).toBe(2);
  expect(await metric("kiam_sts_renewals_total")).toBe(1);
});

test("while the successor is fetched the held ones are served, and nobody waits", async () => {
  await using parts = await withDueRenewal();
  const { get, sts, peekAt, old } = parts;

  expect(sts.up).toBe(1);
  expect(issuedOf(await get(reader, never))).toEqual(old);
  const renewed = sts.calls[1]?.issue();
  await settle();

  expect(issuedOf(peekAt(reader))).toBe(renewed);
  expect(issuedOf(await get(reader, never))).toBe(renewed);
});

test("the successor is told of, the failure of a renewal is not: what is held is the same", async () => {
  await using parts = await withDueRenewal();
  const { sts, clock, changed } = parts;
  expect(changed.length).toBe(1);

  sts.calls[1]?.fail("unavailable");
  await clock.advance(10_000);
  expect(changed.length).toBe(1);
  sts.calls[2]?.issue();
  await settle();

  expect(changed.length).toBe(2);
});

test("a refused renewal takes nothing away before expiry, and is tried again", async () => {
  await using parts = await withDueRenewal();
  const { get, sts, clock, peekAt, old } = parts;
  sts.calls[1]?.fail("refused", "AccessDenied");
  sts.onCall((call) => call.fail("refused", "AccessDenied"));

  await clock.advance(hourMs - dueMs - 1);
  expect(issuedOf(peekAt(reader))).toEqual(old);
  expect(issuedOf(await get(reader, never))).toEqual(old);
  expect(sts.calls.length).toBeWithin(25, 60);
  await clock.advance(1);

  expect(codeOf(peekAt(reader))).toBe("AccessDenied");
});

test("expiry is told of, with what STS said last", async () => {
  await using parts = await withDueRenewal();
  const { sts, clock, changed, metric, peekAt } = parts;
  sts.calls[1]?.fail("refused", "AccessDenied");
  sts.onCall((call) => call.fail("refused", "AccessDenied"));
  const before = changed.length;

  await clock.advance(hourMs - dueMs);

  expect(changed.length).toBe(before + 1);
  expect(codeOf(peekAt(reader))).toBe("AccessDenied");
  expect(await metric("kiam_sts_cacheSize")).toBe(0);
});

test("an answer that expires before what is held does not replace it, and is not asked for in a loop", async () => {
  await using parts = await withDueRenewal();
  const { sts, clock, peekAt, old, changed } = parts;

  sts.calls[1]?.issue(2 * minuteMs);
  sts.onCall((call) => call.issue(2 * minuteMs));
  await clock.advance(minuteMs);

  expect(issuedOf(peekAt(reader))).toEqual(old);
  expect(changed.length).toBe(1);
  expect(sts.calls.length).toBeLessThanOrEqual(2 + minuteMs / 5_000);
});

test("answers that expire before what is held are asked for no more often than they would be renewed", async () => {
  const { want, sts, start, clock } = setUp({ refreshAheadMs: 4 * hourMs });
  sts.onCall((call) => call.issue(12 * hourMs));
  await using _running = start();
  want(reader, "default");
  await settle();
  sts.onCall((call) => call.issue(hourMs)); // As when somebody lowers the role's longest session.

  await clock.advance(8 * hourMs);
  const before = sts.calls.length;
  await clock.advance(2 * hourMs);

  expect(before).toBe(2);
  expect(sts.calls.length - before).toBeWithin(2, 5);
});

test("lives of two minutes are renewed by a third of what STS gave, whatever was to be ahead", async () => {
  const { want, sts, start, clock, peekAt } = setUp();
  sts.onCall((call) => call.issue(2 * minuteMs));
  await using _running = start();
  want(reader, "default");

  for (let second = 0; second < 600; second += 1) {
    await clock.advance(1_000);
    expect(peekAt(reader)?.kind).toBe("issued");
  }

  expect(sts.calls.length).toBe(1 + Math.floor(600 / 80));
});

test("a clock that jumps past every expiry finds nothing expired handed out, and all renewed", async () => {
  const { want, get, sts, start, clock, peekAt } = setUp();
  sts.onCall((call) => call.issue());
  await using _running = start();
  want(reader, "default");
  await settle();
  sts.onCall(() => {});

  await clock.advance(hourMs - 20_500);
  await clock.advance(21_500);
  expect(peekAt(reader)?.kind).not.toBe("issued");
  const answer = get(reader, never);
  expect(await stateOf(answer)).toBe("waiting");
  sts.calls.at(-1)?.issue();

  expect((await answer).kind).toBe("issued");
});

test("renewals of what was issued in one burst are spread over minutes", async () => {
  let seed = 0;
  const random = () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return seed / 2 ** 31;
  };
  const { want, sts, start, clock } = setUp({ random, fetchers: 50 });
  await using _running = start();
  const renewedAtMs: number[] = [];
  sts.onCall((call) => clock.after(80, () => call.issue()));
  for (let index = 0; index < 1_000; index += 1) {
    want({ ...reader, sessionName: `kiam-${index}` }, "default");
  }
  await clock.advance(minuteMs);
  sts.onCall((call) => {
    renewedAtMs.push(clock.now());
    call.issue();
  });
  await clock.advance(40 * minuteMs);

  const perSecond = [...Map.groupBy(renewedAtMs, (ms) => ms).values()].map((same) => same.length);
  expect(renewedAtMs.length).toBe(1_000);
  expect(Math.max(...perSecond)).toBeLessThan(20);
  expect(Math.max(...renewedAtMs) - Math.min(...renewedAtMs)).toBeGreaterThan(4 * minuteMs);
});

describe("what nobody wants but an unproven agent asked for", () => {
  test.each([
    ["may still have it", true, 2],
    ["have gone, or may not have it any more", false, 1],
  ])("is renewed as the pods that were given it %s", async (_, mayHave, calls) => {
    const { get, noteAnswered, sts, start, clock } = setUp();
    sts.onCall((call) => call.issue());
    await using _running = start();
    await get(reader, never);
    noteAnswered(identityKey(reader), aUid("gone"), () => false);
    noteAnswered(identityKey(reader), aUid("asker"), () => mayHave);

    await clock.advance(dueMs + minuteMs);

    expect(sts.calls.length).toBe(calls);
  });

  test("is renewed once, and again only if it was asked for in between", async () => {
    const { get, sts, start, clock, metric } = setUp();
    sts.onCall((call) => call.issue());
    await using _running = start();
    await get(reader, never);

    await clock.advance(dueMs + minuteMs);
    expect(sts.calls.length).toBe(2);
    await get(reader, never);
    await clock.advance(dueMs);
    expect(sts.calls.length).toBe(3);
    await clock.advance(10 * dueMs);

    expect(sts.calls.length).toBe(3);
    expect(await metric("kiam_sts_cacheSize")).toBe(0);
  });

  test("is not tried again after a failure", async () => {
    const { get, sts, start, clock } = setUp();
    sts.onCall((call) => call.fail("unavailable"));
    await using _running = start();

    await get(reader, never);
    await clock.advance(hourMs);

    expect(sts.calls.length).toBe(1);
  });

  test("and is asked for again just before a pod that wanted it goes, is not renewed", async () => {
    const { get, want, sts, start, clock } = setUp();
    sts.onCall((call) => call.issue());
    await using _running = start();
    await get(reader, never);
    want(reader, "default")[Symbol.dispose]();

    await clock.advance(10 * dueMs);

    expect(sts.calls.length).toBe(1);
  });

  test("is renewed as long as a pod wants it, and not once that has gone", async () => {
    const { get, want, sts, start, clock } = setUp();
    sts.onCall((call) => call.issue());
    await using _running = start();
    await get(reader, never);
    const wanted = want(reader, "default");

    await clock.advance(dueMs);
    await get(reader, never);
    wanted[Symbol.dispose]();
    await clock.advance(10 * dueMs);

    expect(sts.calls.length).toBe(2);
  });
});
