import { describe, expect, test } from "bun:test";
import { neverAborted } from "../../../../src/runtime/abort.ts";
import { settle } from "../../../fakes/clock.ts";
import { identityOf, type StsCall } from "../../../fakes/sts.ts";
import { codeOf, dueMs, hourMs, minuteMs, reader, setUp, stateOf, writer } from "./set-up.ts";

const never = neverAborted();
const throttle = (call: StsCall) => call.fail("throttled", "Throttling");

/** Three throttled calls in a row: requests pause too. */
async function underHeavyThrottling() {
  const parts = setUp();
  parts.sts.onCall(throttle);
  for (const name of ["a", "b", "c"]) {
    await parts.get(identityOf(name), never);
  }
  return parts;
}

describe("throttling", () => {
  test("of ten minutes over a thousand renewals costs few calls, takes nothing away, and is over 30 s after", async () => {
    const { want, sts, start, clock, metric } = setUp();
    sts.onCall((call) => clock.after(80, () => call.issue()));
    await using _running = start();
    for (let index = 0; index < 1_000; index += 1) {
      want({ ...reader, sessionName: `kiam-${index}` }, `namespace-${index % 10}`);
    }
    await clock.advance(dueMs - 1_000);
    const before = sts.calls.length;

    sts.onCall((call) => clock.after(80, () => throttle(call)));
    await clock.advance(10 * minuteMs);
    expect(sts.calls.length - before).toBeLessThan(70);
    expect(await metric("kiam_sts_cacheSize")).toBe(1_000);
    sts.onCall((call) => clock.after(80, () => call.issue()));
    await clock.advance(30_000);

    expect(await metric("kiam_sts_renewals_total")).toBe(1_000);
    expect(sts.calls.length - before).toBeLessThan(1_100);
  });

  test("of all above twenty calls a second: a thousand renewals that come at once are soon done, at few calls too many", async () => {
    const { want, sts, start, clock, metric } = setUp();
    sts.onCall((call) => call.issue());
    await using _running = start();
    for (let index = 0; index < 1_000; index += 1) {
      want({ ...reader, sessionName: `kiam-${index}` }, `namespace-${index % 10}`);
    }
    await clock.advance(dueMs - 1_000);
    const bucket = { calls: 20, atMs: clock.now() };
    sts.onCall((call) =>
      clock.after(80, () => {
        bucket.calls = Math.min(20, bucket.calls + ((clock.now() - bucket.atMs) * 20) / 1_000);
        bucket.atMs = clock.now();
        if (bucket.calls >= 1) {
          bucket.calls -= 1;
          call.issue();
        } else {
          throttle(call);
        }
      }),
    );
    const before = sts.calls.length;

    await clock.advance(70_000);

    expect(await metric("kiam_sts_renewals_total")).toBe(1_000);
    expect(sts.calls.length - before).toBeLessThan(1_100);
  });

  test("of one call does not make a request wait or fail", async () => {
    const { get, sts } = setUp();
    sts.onCall(throttle);
    await get(reader, never);
    sts.onCall((call) => call.issue());

    expect((await get(writer, never)).kind).toBe("issued");
  });

  test("is not remembered of a role", async () => {
    const { get, sts, metric } = setUp();
    sts.onCall(throttle);
    await get(reader, never);
    sts.onCall((call) => call.issue());

    expect((await get(reader, never)).kind).toBe("issued");
    expect(await metric("kiam_sts_remembered_refusals_total")).toBe(0);
  });

  test("in a row: requests are told so at once, without a call, until it is time for a try", async () => {
    const { get, sts, clock } = await underHeavyThrottling();

    const answer = await get(reader, never);
    expect([codeOf(answer), sts.calls.length]).toEqual(["Throttling", 3]);
    await clock.advance(4_000);
    sts.onCall((call) => call.issue());

    expect((await get(reader, never)).kind).toBe("issued");
  });

  test("in a row: those who come while the one try is up wait for what it brings", async () => {
    const { get, sts, clock } = await underHeavyThrottling();
    await clock.advance(4_000);
    sts.onCall(() => {});

    const first = get(reader, never);
    const second = get(writer, never);
    expect([await stateOf(second), sts.up]).toEqual(["waiting", 1]);
    sts.calls.at(-1)?.issue();
    await first;
    sts.calls.at(-1)?.issue();

    expect((await second).kind).toBe("issued");
  });

  test("in a row: they are told of the trouble when the try fails", async () => {
    const { get, sts, clock } = await underHeavyThrottling();
    await clock.advance(4_000);
    sts.onCall(() => {});

    const first = get(reader, never);
    const second = get(writer, never);
    const calls = sts.calls.length;
    sts.calls.at(-1)?.fail("throttled", "Throttling");

    expect([codeOf(await first), codeOf(await second)]).toEqual(["Throttling", "Throttling"]);
    expect(sts.calls.length).toBe(calls);
  });

  test("a pod that asks all the while does not keep its prefetch from being tried", async () => {
    const { want, get, sts, start, clock, peekAt } = await underHeavyThrottling();
    await using _running = start();
    want(reader, "default");

    for (let time = 0; time < 300; time += 1) {
      await get(reader, never);
      await clock.advance(100);
    }
    sts.onCall((call) => call.issue());
    await clock.advance(17_000);

    expect(peekAt(reader)?.kind).toBe("issued");
  });
});

describe("the server's own credentials expired", () => {
  test("is charged to no role, costs few calls, and all is fetched when they are back", async () => {
    const { want, sts, start, clock, metric } = setUp();
    sts.onCall((call) => call.fail("own-credentials", "ExpiredToken"));
    await using _running = start();
    for (let index = 0; index < 100; index += 1) {
      want(identityOf(`role-${index}`), "default");
    }

    await clock.advance(10 * minuteMs);
    expect(sts.calls.length).toBeLessThan(70);
    sts.onCall((call) => call.issue());
    await clock.advance(30_000);

    expect(await metric("kiam_sts_cacheSize")).toBe(100);
    expect(await metric("kiam_sts_remembered_refusals_total")).toBe(0);
  });
});

describe("one identity whose calls never bring anything", () => {
  test("does not stop the others", async () => {
    const { want, sts, start, clock, metric } = setUp();
    sts.onCall((call) => (call.identity.role === reader.role ? call.fail("unavailable") : call.issue()));
    await using _running = start();
    want(reader, "bad");
    await clock.advance(10 * minuteMs);

    for (let index = 0; index < 100; index += 1) {
      want(identityOf(`role-${index}`), `namespace-${index}`);
    }
    await clock.advance(20_000);

    expect(await metric("kiam_sts_cacheSize")).toBe(100);
  });

  test("does not make requests for others fail", async () => {
    const { get, sts } = setUp();
    sts.onCall((call) => (call.identity.role === reader.role ? call.fail("unavailable") : call.issue()));
    for (let time = 0; time < 20; time += 1) {
      await get(reader, never);
    }

    expect((await get(writer, never)).kind).toBe("issued");
  });

  test("and hangs instead: the rest goes on in the other places", async () => {
    const { want, sts, start, clock, metric } = setUp({ fetchers: 2 });
    sts.onCall((call) => {
      if (call.identity.role !== reader.role) {
        clock.after(10, () => call.issue());
      }
    });
    await using _running = start();
    want(reader, "bad");
    for (let index = 0; index < 100; index += 1) {
      want(identityOf(`role-${index}`), "good");
    }
    await clock.advance(1_000);

    expect(await metric("kiam_sts_cacheSize")).toBe(100);
    expect(sts.up).toBe(1);
  });
});

test("STS away for longer than a life: nothing expired is served, and everything wanted comes back", async () => {
  const { want, sts, start, clock, metric, peekAt } = setUp();
  sts.onCall((call) => call.issue());
  await using _running = start();
  want(reader, "default");
  want(writer, "default");
  await settle();

  sts.onCall((call) => call.fail("unavailable"));
  await clock.advance(3 * hourMs);
  expect([peekAt(reader)?.kind, await metric("kiam_sts_cacheSize")]).toEqual(["failed", 0]);
  sts.onCall((call) => call.issue());
  await clock.advance(30_000);

  expect([peekAt(reader)?.kind, peekAt(writer)?.kind]).toEqual(["issued", "issued"]);
});
