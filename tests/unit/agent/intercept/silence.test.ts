import { expect, test } from "bun:test";
import { createSilenceWatch } from "../../../../src/agent/intercept/silence.ts";

const minutesMs = (minutes: number) => minutes * 60_000;

test("ten minutes with pods and without a packet are said once", () => {
  const silence = createSilenceWatch();

  const noticed = [0, 5, 10, 11, 30].map((at) => silence.notice(0, 1, minutesMs(at)));

  expect(noticed).toEqual([false, false, true, false, false]);
});

test("the ten minutes begin anew when there was no pod with a role between", () => {
  const silence = createSilenceWatch();

  const noticed = [
    silence.notice(0, 2, minutesMs(0)),
    silence.notice(0, 0, minutesMs(9)),
    silence.notice(0, 1, minutesMs(10)),
    silence.notice(0, 1, minutesMs(19)),
    silence.notice(0, 1, minutesMs(20)),
  ];

  expect(noticed).toEqual([false, false, false, false, true]);
});

test("one packet ever is enough, also when a repair set the counter back", () => {
  const silence = createSilenceWatch();

  const noticed = [
    silence.notice(1, 1, minutesMs(0)),
    silence.notice(0, 1, minutesMs(1)),
    silence.notice(0, 1, minutesMs(20)),
  ];

  expect(noticed).toEqual([false, false, false]);
});
