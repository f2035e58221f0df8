import { describe, expect, test } from "bun:test";
import { settle } from "../../../fakes/clock.ts";
import type { StsCall } from "../../../fakes/sts.ts";
import { dueMs, issuedOf, minuteMs, reader, setUp, writer } from "./set-up.ts";

const namesOf = (calls: readonly StsCall[]) => calls.map((call) => call.identity.role.split("/")[1]);

describe("a pod that goes", () => {
  test("while its identity waits its turn: it is not asked for", async () => {
    const { want, sts, start, clock } = setUp({ fetchers: 1 });
    await using _running = start();
    want(writer, "default");

    want(reader, "default")[Symbol.dispose]();
    sts.calls[0]?.issue();
    await clock.advance(10_000);

    expect(namesOf(sts.calls)).toEqual(["writer"]);
  });

  test("while its identity waits its turn, and another pod wants it: it is asked for", async () => {
    const { want, sts, start, clock } = setUp({ fetchers: 1 });
    await using _running = start();
    want(writer, "default");
    const gone = want(reader, "default");
    want(reader, "other");

    gone[Symbol.dispose]();
    sts.calls[0]?.issue();
    await clock.advance(10_000);

    expect(namesOf(sts.calls)).toEqual(["writer", "reader"]);
  });

  test("while the call is up: what comes is not renewed, and is dropped", async () => {
    const { want, sts, start, clock, metric, peekAt } = setUp();
    await using _running = start();
    const wanted = want(reader, "default");

    wanted[Symbol.dispose]();
    sts.calls[0]?.issue();
    await clock.advance(11 * minuteMs);
    expect(peekAt(reader)).toBeUndefined();
    expect(await metric("kiam_sts_cacheSize")).toBe(0);
    await clock.advance(2 * dueMs);

    expect(sts.calls.length).toBe(1);
  });

  test("and whose call answers after it was dropped: nothing is brought back", async () => {
    const { want, sts, start, clock, peekAt, changed } = setUp();
    await using _running = start();
    const wanted = want(reader, "default");
    await clock.advance(19_999);
    wanted[Symbol.dispose]();

    const late = sts.calls[0];
    await clock.advance(11 * minuteMs);
    late?.issue();
    await settle();

    expect(peekAt(reader)).toBeUndefined();
    expect(changed.length).toBeLessThanOrEqual(1);
  });

  test("and whose successor comes while the old call is up: there is no second one", async () => {
    const { want, sts, start, peekAt } = setUp();
    await using _running = start();
    const wanted = want(reader, "default");

    wanted[Symbol.dispose]();
    want(reader, "default");
    await settle();
    const issued = sts.calls[0]?.issue();
    await settle();

    expect(sts.calls.length).toBe(1);
    expect(issuedOf(peekAt(reader))).toBe(issued);
  });

  test("and whose successor comes minutes later: it finds what is held, and that is renewed", async () => {
    const { want, sts, start, clock, peekAt } = setUp();
    sts.onCall((call) => call.issue());
    await using _running = start();
    const wanted = want(reader, "default");
    await clock.advance(minuteMs);

    wanted[Symbol.dispose]();
    await clock.advance(9 * minuteMs);
    want(reader, "default");
    expect(peekAt(reader)?.kind).toBe("issued");
    await clock.advance(dueMs);

    expect(sts.calls.length).toBe(2);
  });
});
