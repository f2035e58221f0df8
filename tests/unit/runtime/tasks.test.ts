import { expect, test } from "bun:test";
import { neverAborted } from "../../../src/runtime/abort.ts";
import { repeat, runAll, runUntilDone, type Task } from "../../../src/runtime/tasks.ts";
import { createFakeClock, settle } from "../../fakes/clock.ts";

/** Runs until aborted, then throws the reason, as things that wait do. */
const untilToldTo: Task = (signal) =>
  new Promise((_, reject) => {
    signal.throwIfAborted();
    signal.addEventListener("abort", () => reject(signal.reason));
  });

test("all tasks run at once, and it is over when the last has returned", async () => {
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let over = false;
  const running = runAll(
    neverAborted(),
    gates.map((gate) => () => gate.promise),
  ).then(() => {
    over = true;
  });

  gates[1]?.resolve();
  await settle();
  expect(over).toBeFalse();
  gates[0]?.resolve();

  await running;
});

test("tasks go on while the main one ends, and end after it", async () => {
  const stopping = new AbortController();
  const lastWords = Promise.withResolvers<void>();
  const ended: string[] = [];
  const main: Task = async (signal) => {
    await untilToldTo(signal).catch(() => lastWords.promise);
    ended.push("main");
  };
  const other: Task = async (signal) => {
    await untilToldTo(signal).catch(() => ended.push("other"));
  };

  const running = runUntilDone(stopping.signal, main, [other]);
  stopping.abort(new Error("stop"));
  await settle();
  expect(ended).toEqual([]);
  lastWords.resolve();
  await running;

  expect(ended).toEqual(["main", "other"]);
});

test("a task that throws ends the main one too", async () => {
  const running = runUntilDone(neverAborted(), untilToldTo, [async () => Promise.reject(new Error("first"))]);

  await expect(running).rejects.toThrow("first");
});

test("nothing to run is over at once", async () => {
  await runAll(neverAborted(), []);
});

test("the first that throws ends the others, and its error is thrown when they are done", async () => {
  const cleanedUp = Promise.withResolvers<void>();
  let over = false;
  const slowToStop: Task = async (signal) => {
    await untilToldTo(signal).catch(() => cleanedUp.promise);
  };

  const running = runAll(neverAborted(), [slowToStop, async () => Promise.reject(new Error("first"))]).finally(() => {
    over = true;
  });
  running.catch(() => {});
  await settle();
  expect(over).toBeFalse();
  cleanedUp.resolve();

  await expect(running).rejects.toThrow("first");
});

test("what others throw because they were ended does not hide the first error", async () => {
  const running = runAll(neverAborted(), [
    untilToldTo,
    (signal) => untilToldTo(signal).catch(() => Promise.reject(new Error("second"))),
    async () => Promise.reject(new Error("first")),
  ]);

  await expect(running).rejects.toThrow("first");
});

test("a task that throws before its first wait counts as any other", async () => {
  const thrower: Task = () => {
    throw new Error("at once");
  };

  await expect(runAll(neverAborted(), [thrower, untilToldTo])).rejects.toThrow("at once");
});

test("undefined may be thrown too", async () => {
  const running = runAll(neverAborted(), [untilToldTo, () => Promise.reject(undefined)]);

  await expect(running).rejects.toBeUndefined();
});

test("an abort from outside ends all, and is no failure", async () => {
  const controller = new AbortController();
  const running = runAll(controller.signal, [untilToldTo, untilToldTo]);

  controller.abort(new Error("SIGTERM"));

  await running;
});

test("what is repeated is done once each time, and no more after an abort", async () => {
  const clock = createFakeClock();
  const controller = new AbortController();
  let times = 0;
  const running = runAll(controller.signal, [repeat(() => (times += 1), 60_000, clock)]);

  await clock.advance(59_999);
  const before = times;
  await clock.advance(120_001);
  const after = times;
  controller.abort(new Error("SIGTERM"));
  await clock.advance(60_000);
  await running;

  expect([before, after, times]).toEqual([0, 3, 3]);
});

test("what is repeated every 0 ms is never done", async () => {
  const clock = createFakeClock();

  await repeat(() => expect.unreachable(), 0, clock)(neverAborted());

  expect(clock.timers).toBe(0);
});
