import { expect, test } from "bun:test";
import { neverAborted } from "../../../../src/runtime/abort.ts";
import { settle } from "../../../fakes/clock.ts";
import { identityOf } from "../../../fakes/sts.ts";
import { dueMs, reader, setUp, stateOf } from "./set-up.ts";

const never = neverAborted();

test("prefetches that STS keeps waiting in every place do not keep a request waiting", async () => {
  const { want, get, sts, start } = setUp({ fetchers: 2 });
  await using _running = start();
  for (let index = 0; index < 100; index += 1) {
    want(identityOf(`crowd-${index}`), "crowd");
  }
  await settle();
  expect(sts.up).toBe(2);
  sts.onCall((call) => call.issue());

  const answer = await get(reader, never);

  expect(answer.kind).toBe("issued");
});

test("requests that STS keeps waiting in every place do not keep a renewal waiting", async () => {
  const { want, get, sts, start, clock, metric } = setUp({ fetchers: 2 });
  await using _running = start();
  sts.onCall((call) => call.issue());
  want(reader, "default");
  await clock.advance(dueMs - 1_000);
  sts.onCall((call) => void (call.identity.role === reader.role && call.issue()));
  const waiting = ["a", "b", "c"].map((name) => get(identityOf(name), never));

  await clock.advance(2_000);

  expect(await metric("kiam_sts_renewals_total")).toBe(1);
  expect(await stateOf(Promise.race(waiting))).toBe("waiting");
});

test("namespaces take turns in requests: one whose pods ask for a thousand roles does not keep another's waiting", async () => {
  const { get, sts, clock } = setUp({ fetchers: 2 });
  sts.onCall((call) => clock.after(80, () => call.issue()));
  for (let index = 0; index < 1_000; index += 1) {
    void get(identityOf(`crowd-${index}`), never, "crowd");
  }

  const alone = get(reader, never, "alone");
  await clock.advance(240);

  expect(await stateOf(alone)).toBe("answered");
  expect(sts.calls.length).toBeLessThan(10);
});

test("namespaces take turns in renewals: one with a thousand that are due does not keep one with a single one waiting", async () => {
  const { want, sts, start, clock } = setUp({ fetchers: 2 });
  await using _running = start();
  sts.onCall((call) => call.issue());
  for (let index = 0; index < 1_000; index += 1) {
    want(identityOf(`crowd-${index}`), "crowd");
  }
  want(identityOf("alone"), "alone");
  await clock.advance(dueMs - 1_000);
  sts.onCall((call) => clock.after(80, () => call.issue()));
  const before = sts.calls.length;

  await clock.advance(2_000);

  const renewed = sts.calls.slice(before).map(({ identity }) => identity.role.split("/")[1]);
  expect(renewed.indexOf("alone")).toBeWithin(2, 5);
});
