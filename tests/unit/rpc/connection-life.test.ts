import { expect, test } from "bun:test";
import { type ConnectionLimits, limitLife } from "../../../src/rpc/connection-life.ts";
import { createFakeClock } from "../../fakes/clock.ts";

const minuteMs = 60_000;
const limits: ConnectionLimits = { idleMs: 5 * minuteMs, ageMs: 10 * minuteMs, graceMs: minuteMs };

/** A connection that notes, in minutes from its beginning, what is done to it. */
function aConnection(own: Partial<ConnectionLimits> = {}, random = 0.5) {
  const clock = createFakeClock();
  const beginMs = clock.now();
  const done: string[] = [];
  const note = (what: string) => () => done.push(`${what} at ${(clock.now() - beginMs) / minuteMs}`);
  const connection = { sendAway: note("sent away"), cut: note("cut") };
  const life = limitLife(connection, { limits: { ...limits, ...own }, clock, random: () => random });
  return { clock, done, life, minutes: (count: number) => clock.advance(count * minuteMs) };
}

test.each([
  [0, 9],
  [0.5, 10],
  [1, 11],
])(
  "a connection in use is sent away when it is old, a tenth sooner or later (%d: %d min), and cut after the grace",
  async (random, atMinute) => {
    const { life, done, minutes } = aConnection({}, random);
    life.callBegan();

    await minutes(20);

    expect(done).toEqual([`sent away at ${atMinute}`, `cut at ${atMinute + 1}`]);
  },
);

test("a connection that never had a call is idle from its beginning", async () => {
  const { done, minutes } = aConnection();

  await minutes(5.5);

  expect(done).toEqual(["sent away at 5"]);
});

test("a connection is idle from the end of its last call", async () => {
  const { life, done, minutes } = aConnection();
  life.callBegan();
  await minutes(3);
  life.callBegan();
  life.callEnded();
  await minutes(1);

  life.callEnded();
  await minutes(4.9);
  const before = [...done];
  await minutes(0.2);

  expect([before, done]).toEqual([[], ["sent away at 9"]]);
});

test("each call starts the idle time anew", async () => {
  const { life, done, minutes } = aConnection({ ageMs: 0 });
  for (let turn = 0; turn < 5; turn += 1) {
    await minutes(4);
    life.callBegan();
    life.callEnded();
  }

  await minutes(4.9);

  expect(done).toEqual([]);
});

test("what is closed is left alone", async () => {
  const { life, done, minutes } = aConnection();
  await minutes(5);

  life[Symbol.dispose]();
  await minutes(60);

  expect(done).toEqual(["sent away at 5"]);
});

test.each([
  ["idleMs", ["sent away at 10", "cut at 11"]],
  ["ageMs", ["sent away at 5", "cut at 6"]],
  ["graceMs", ["sent away at 5", "sent away at 10"]],
] as const)("what has no limit (%s: 0) does not happen", async (limit, expected) => {
  const { done, minutes } = aConnection({ [limit]: 0 });

  await minutes(600);

  expect(done).toEqual([...expected]);
});

test("a call that ends after its connection starts nothing anew", async () => {
  const { clock, life, done, minutes } = aConnection();
  life.callBegan();
  life[Symbol.dispose]();

  life.callEnded();
  const timers = clock.timers;
  await minutes(60);

  expect([timers, done]).toEqual([0, []]);
});
