import { describe, expect, test } from "bun:test";
import type { ApiFailure } from "../../../src/kubernetes/failure.ts";
import { afterFailedList, afterWatch, noTries, type Tries } from "../../../src/kubernetes/pace.ts";

const lost: ApiFailure = { kind: "lost", reason: "connection refused" };
const refused = (status: number, retryAfterMs = 0): ApiFailure => ({
  kind: "refused",
  status,
  message: "",
  retryAfterMs,
});
/** The longest that a random share gives. */
const most = 1;
const long = { livedMs: 290_000, sinceListMs: 290_000 };
const short = { livedMs: 100, sinceListMs: 100 };

test("a watch that ended after its time is opened again at once", () => {
  const next = afterWatch({ failures: 7, doubts: 0 }, { kind: "ended" }, long, most);

  expect(next).toEqual({ tries: noTries, step: "watch", waitMs: 0 });
});

test("a watch that ends as soon as it is opened is opened again ever more slowly", () => {
  let tries: Tries = noTries;
  const waits = [1, 2, 3, 4, 5, 6, 7].map(() => {
    const next = afterWatch(tries, { kind: "ended" }, short, most);
    tries = next.tries;
    return next.waitMs;
  });

  expect(waits).toEqual([250, 500, 1000, 2000, 4000, 8000, 10_000]);
});

test("what failed before a watch that lasted is forgotten", () => {
  const next = afterWatch({ failures: 9, doubts: 2 }, lost, long, most);

  expect(next).toEqual({ tries: noTries, step: "watch", waitMs: 250 });
});

describe("a place that is too old", () => {
  test("is listed anew at once where the last list is long ago, however long the server was away", () => {
    const times = { livedMs: 20, sinceListMs: 600_000 };

    expect(afterWatch({ failures: 30, doubts: 0 }, refused(410), times, most)).toMatchObject({
      step: "list",
      waitMs: 0,
    });
  });

  test("is listed anew after a pause where a list has just been taken, so that lists do not follow one another", () => {
    const next = afterWatch({ failures: 2, doubts: 0 }, refused(410), short, most);

    expect(next).toMatchObject({ step: "list", waitMs: 1000 });
  });
});

describe("a place in doubt", () => {
  test.each([
    ["garbled answers", { kind: "garbled" } as const],
    ["errors of the server", refused(504)],
  ])("is given up after three %s in a row", (_, end) => {
    const first = afterWatch(noTries, end, short, most);
    const second = afterWatch(first.tries, end, short, most);
    const third = afterWatch(second.tries, end, short, most);

    expect([first.step, second.step, third.step]).toEqual(["watch", "watch", "list"]);
    expect(third.tries.doubts).toBe(0);
  });

  test.each([
    ["the server is away", lost],
    ["the server is busy", refused(429)],
    ["the token is not accepted", refused(401)],
    ["watching is not permitted", refused(403)],
    ["the watch ends early", { kind: "ended" } as const],
  ])("is not one because %s", (_, end) => {
    let tries: Tries = noTries;
    for (let time = 0; time < 20; time += 1) {
      const next = afterWatch(tries, end, short, most);
      expect(next.step).toBe("watch");
      tries = next.tries;
    }
  });

  test("is given up after two watches that were taken and said nothing", () => {
    const first = afterWatch(noTries, { kind: "silent" }, { livedMs: 0, sinceListMs: 90_000 }, most);
    const second = afterWatch(first.tries, { kind: "silent" }, { livedMs: 0, sinceListMs: 180_000 }, most);

    expect([first.step, second.step, second.waitMs]).toEqual(["watch", "list", 0]);
  });

  test("is not given up because a watch that said much fell silent, ever so often", () => {
    let tries: Tries = noTries;
    for (let time = 0; time < 20; time += 1) {
      const next = afterWatch(tries, { kind: "silent" }, long, most);
      expect(next.step).toBe("watch");
      tries = next.tries;
    }
  });

  test("is forgotten after a watch that lasted", () => {
    const next = afterWatch({ failures: 2, doubts: 2 }, { kind: "garbled" }, long, most);

    expect(next).toMatchObject({ step: "watch", tries: { doubts: 1 } });
  });
});

test("a server that asks for a longer pause gets it", () => {
  expect(afterWatch(noTries, refused(429, 30_000), short, most).waitMs).toBe(30_000);
  expect(afterFailedList(noTries, refused(503, 30_000), most).waitMs).toBe(30_000);
});

test("a server that asks for a pause gets it also where the place watched from is given up long after the last list", () => {
  const times = { livedMs: 0, sinceListMs: 600_000 };

  expect(afterWatch({ failures: 2, doubts: 2 }, refused(503, 3_000), times, most)).toMatchObject({
    step: "list",
    waitMs: 3_000,
  });
});

test("a server that asks for a shorter pause gets the longer one", () => {
  const next = afterFailedList({ failures: 9, doubts: 0 }, refused(429, 1000), most);

  expect(next.waitMs).toBe(10_000);
});

test("a list that failed is taken again, ever more slowly, and the pauses are spread", () => {
  const first = afterFailedList(noTries, lost, 0);
  const second = afterFailedList(first.tries, lost, 0);

  expect([first.step, first.waitMs, second.waitMs]).toEqual(["list", 125, 250]);
});
