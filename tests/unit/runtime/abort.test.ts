import { expect, test } from "bun:test";
import { deadline, neverAborted, untilAborted } from "../../../src/runtime/abort.ts";
import { createFakeClock, settle } from "../../fakes/clock.ts";

test("what comes before an abort is handed on, value or error", async () => {
  const value = await untilAborted(Promise.resolve("value"), neverAborted());

  expect(value).toBe("value");
  await expect(untilAborted(Promise.reject(new Error("broken")), neverAborted())).rejects.toThrow("broken");
});

test("an abort ends the wait and not what is waited for", async () => {
  const gate = Promise.withResolvers<string>();
  const controller = new AbortController();
  const waiting = untilAborted(gate.promise, controller.signal);
  await settle();

  controller.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
  gate.resolve("late");

  expect(await gate.promise).toBe("late");
});

test.each([["before the abort"], ["after the abort"]])(
  "a promise that fails when nobody waits for it any more troubles nobody: begun %s",
  async (begun) => {
    const unhandled: unknown[] = [];
    const onUnhandled = (error: unknown) => unhandled.push(error);
    process.on("unhandledRejection", onUnhandled);
    const controller = new AbortController();
    const gate = Promise.withResolvers<string>();
    if (begun === "after the abort") {
      controller.abort(new Error("enough"));
    }

    const waiting = untilAborted(gate.promise, controller.signal);
    controller.abort(new Error("enough"));
    gate.reject(new Error("late failure"));

    await expect(waiting).rejects.toThrow("enough");
    await new Promise((resolve) => setImmediate(resolve));
    process.off("unhandledRejection", onUnhandled);
    expect(unhandled).toEqual([]);
  },
);

test("a deadline that passes aborts with a sentence, and says that it was time", async () => {
  const clock = createFakeClock();
  using waiting = deadline(1000, clock, neverAborted());

  await clock.advance(999);
  expect(waiting.signal.aborted).toBeFalse();
  await clock.advance(1);

  expect(waiting.signal.reason).toEqual(new Error("no answer within 1000 ms"));
  expect(waiting.passed).toBeTrue();
});

test("the outer signal aborts with its own reason, and says that it was not time, even when time passes too", async () => {
  const clock = createFakeClock();
  const outer = new AbortController();
  using waiting = deadline(1000, clock, outer.signal);

  outer.abort(new Error("shutting down"));
  await clock.advance(1000);

  expect(waiting.signal.reason).toEqual(new Error("shutting down"));
  expect(waiting.passed).toBeFalse();
});

test("under an aborted signal a deadline is aborted from its beginning", () => {
  using waiting = deadline(1000, createFakeClock(), AbortSignal.abort(new Error("too late")));

  expect(waiting.signal.reason).toEqual(new Error("too late"));
  expect(waiting.passed).toBeFalse();
});

test("a disposed deadline leaves no timer, and hears neither time nor the outer signal", async () => {
  const clock = createFakeClock();
  const outer = new AbortController();
  const waiting = deadline(1000, clock, outer.signal);

  waiting[Symbol.dispose]();
  outer.abort();
  await clock.advance(1000);

  expect(clock.timers).toBe(0);
  expect(waiting.signal.aborted).toBeFalse();
});
