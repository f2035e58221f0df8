import { describe, expect, test } from "bun:test";
import { neverAborted } from "../../../../src/runtime/abort.ts";
import { settle } from "../../../fakes/clock.ts";
import { identityOf, type StsCall } from "../../../fakes/sts.ts";
import { dueMs, issuedOf, reader, setUp, writer } from "./set-up.ts";

const never = neverAborted();
const namesOf = (calls: readonly StsCall[]) => calls.map((call) => call.identity.role.split("/")[1]);

test("what a pod wants is fetched before it asks", async () => {
  const { want, get, sts, start, metric } = setUp();
  sts.onCall((call) => call.issue());
  await using _running = start();

  want(reader, "default");
  await settle();
  const answer = await get(reader, never);

  expect(answer.kind).toBe("issued");
  expect(sts.calls.length).toBe(1);
  expect(await metric("kiam_sts_cache_miss_total")).toBe(0);
});

test("what was wanted before the background runs is fetched when it does", async () => {
  const { want, sts, start } = setUp();
  want(reader, "default");
  await settle();
  expect(sts.calls.length).toBe(0);

  await using _running = start();

  expect(sts.calls.length).toBe(1);
});

test("nothing is fetched ahead after the end", async () => {
  const { want, sts, start } = setUp();
  await start()[Symbol.asyncDispose]();

  want(reader, "default");
  await settle();

  expect(sts.calls.length).toBe(0);
});

test("many pods of one identity cost one call, and the last one to go ends it", async () => {
  const { want, sts, start, clock } = setUp();
  sts.onCall((call) => call.issue());
  await using _running = start();

  const wants = Array.from({ length: 50 }, (_, index) => want(reader, `namespace-${index % 5}`));
  await clock.advance(1_000);
  expect(sts.calls.length).toBe(1);
  for (const wanted of wants.slice(1)) {
    wanted[Symbol.dispose]();
    wanted[Symbol.dispose]();
  }
  await clock.advance(dueMs);
  expect(sts.calls.length).toBe(2);
  wants[0]?.[Symbol.dispose]();
  await clock.advance(10 * dueMs);

  expect(sts.calls.length).toBe(2);
});

test("ten thousand at once are all fetched, eight at a time", async () => {
  const { want, sts, start, clock, metric } = setUp();
  sts.onCall((call) => clock.after(80, () => call.issue()));
  await using _running = start();

  for (let index = 0; index < 10_000; index += 1) {
    want({ ...reader, sessionName: `kiam-${index}` }, `namespace-${index % 100}`);
  }
  await clock.advance((10_000 / 8) * 80);

  expect(await metric("kiam_sts_cacheSize")).toBe(10_000);
  expect([sts.calls.length, sts.mostUp]).toEqual([10_000, 8]);
});

test("namespaces take turns: one with thousands of pods does not keep one with a single pod waiting", async () => {
  const { want, sts, start, clock } = setUp({ fetchers: 2 });
  await using _running = start();
  for (let index = 0; index < 1_000; index += 1) {
    want(identityOf(`crowd-${index}`), "crowd");
  }
  want(identityOf("alone"), "alone");
  want(identityOf("shared"), "crowd");
  want(identityOf("shared"), "small");

  sts.onCall((call) => call.issue());
  sts.calls[0]?.issue();
  sts.calls[1]?.issue();
  await clock.advance(0);

  expect(namesOf(sts.calls.slice(0, 6))).toEqual(["crowd-0", "crowd-1", "crowd-2", "alone", "shared", "crowd-3"]);
});

describe("requests go before prefetches", () => {
  test("a request for what still waits in the background is asked for at once, and once", async () => {
    const { want, get, sts, start } = setUp({ fetchers: 1 });
    await using _running = start();
    want(writer, "default");
    want(identityOf("second"), "default");
    want(reader, "default");
    await settle();

    const answer = get(reader, never);
    expect(namesOf(sts.calls)).toEqual(["writer", "reader"]);
    sts.calls[0]?.issue();
    await settle();
    sts.calls[2]?.issue();
    await settle();
    expect(namesOf(sts.calls)).toEqual(["writer", "reader", "second"]);
    sts.calls[1]?.issue();

    expect((await answer).kind).toBe("issued");
  });

  test("a request for what is being prefetched joins it", async () => {
    const { want, get, sts, start } = setUp();
    await using _running = start();
    want(reader, "default");

    const answer = get(reader, never);
    const issued = sts.calls[0]?.issue();

    expect(issuedOf(await answer)).toBe(issued);
    expect(sts.calls.length).toBe(1);
  });

  test("a pod that wants what is being requested joins it, and keeps it renewed", async () => {
    const { want, get, sts, start, clock } = setUp({ fetchers: 1 });
    await using _running = start();
    const answers = [get(writer, never), get(reader, never)];

    want(reader, "default");
    await settle();
    expect(namesOf(sts.calls)).toEqual(["writer"]);
    sts.onCall((call) => call.issue());
    sts.calls[0]?.issue();
    await Promise.all(answers);
    await clock.advance(2 * dueMs);

    expect(namesOf(sts.calls).filter((name) => name === "reader").length).toBe(3);
  });
});
