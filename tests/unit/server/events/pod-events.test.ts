import { afterEach, expect, test } from "bun:test";
import { Registry } from "prom-client";
import { createPodEvents } from "../../../../src/server/events/pod-events.ts";
import type { PodEventText } from "../../../../src/server/events/text.ts";
import { createServerMetrics } from "../../../../src/server/metrics.ts";
import { createFakeClock, settle } from "../../../fakes/clock.ts";
import { createFakePostPodEvent } from "../../../fakes/pod-events.ts";
import { aPod } from "../../../fakes/pods.ts";
import { createRecordingLogger } from "../../../fakes/recording-logger.ts";
import { metricOf } from "../../../fixtures/metrics.ts";

const stopping: AbortController[] = [];
afterEach(() => {
  for (const controller of stopping.splice(0)) {
    controller.abort(new Error("the test is over"));
  }
});

function setUp() {
  const clock = createFakeClock();
  const post = createFakePostPodEvent();
  const logger = createRecordingLogger();
  const registry = new Registry();
  const metrics = createServerMetrics(registry);
  const events = createPodEvents({ post, clock, random: () => 0.5, logger, metrics });
  const controller = new AbortController();
  stopping.push(controller);
  events.run(controller.signal).catch(() => undefined);
  return {
    ...{ clock, post, logger, events, controller },
    /** What was posted, as `namespace/pod xCOUNT message`. */
    posted: () =>
      post.posts.map(({ event }) => `${event.pod.namespace}/${event.pod.name} x${event.count} ${event.message}`),
    counted: (outcome: string) => metricOf(registry, "kiam_k8s_events_total", { outcome }),
  };
}

const denied = (message = "no"): PodEventText => ({ reason: "KiamRoleForbidden", message });

test("an event is posted at once, with its pod, its times and a count of one", async () => {
  const { events, post, clock, counted } = setUp();

  events.happened(aPod(), denied());
  const before = await counted("posted");
  await settle();

  expect(before).toBe(0);
  expect(await counted("posted")).toBe(1);
  expect(post.posts.map(({ known }) => known)).toEqual(["new"]);
  expect(post.posts[0]?.event).toMatchObject({
    pod: { uid: "uid-1", name: "reader-1", namespace: "default", resourceVersion: "100" },
    reason: "KiamRoleForbidden",
    message: "no",
    count: 1,
    firstAtMs: clock.now(),
    lastAtMs: clock.now(),
  } as never);
  expect(post.posts[0]?.event.id).toMatch(/^[0-9a-f]{16}$/);
});

test("a pod in a loop costs one write a minute, and all of it is counted", async () => {
  const { events, post, clock } = setUp();

  for (let second = 0; second < 120; second += 1) {
    for (let time = 0; time < 10; time += 1) {
      events.happened(aPod(), denied());
    }
    await clock.advance(1_000);
  }

  expect(post.posts.map(({ known, event }) => `${known} ${event.count}`)).toEqual(["new 10", "counted 610"]);
  expect(new Set(post.posts.map(({ event }) => event.id)).size).toBe(1);
});

test("what stands is told once, and again before the API server forgets it", async () => {
  const { events, post, clock } = setUp();

  for (let minute = 0; minute < 59; minute += 1) {
    events.stands(aPod(), denied());
    await clock.advance(60_000);
  }

  expect(post.posts.map(({ event }) => event.count)).toEqual([1, 2]);
});

test("ten thousand pods that stay denied are each told once, however often they are looked at", async () => {
  const { events, clock, post, counted } = setUp();
  const pods = Array.from({ length: 10_000 }, (_, index) => aPod({ uid: `p${index}`, namespace: `ns-${index % 100}` }));

  for (let minute = 0; minute < 20; minute += 1) {
    for (const pod of pods) {
      events.stands(pod, denied());
    }
    await clock.advance(60_000);
  }

  expect([post.posts.length, await counted("dropped")]).toEqual([10_000, 0]);
  expect(new Set(post.posts.map(({ event }) => event.count))).toEqual(new Set([1]));
});

test("what stands and had to be dropped is told when there is room, and counted once", async () => {
  const { events, clock, post } = setUp();
  const pods = Array.from({ length: 250 }, (_, index) => aPod({ uid: `p${index}` }));

  for (let look = 0; look < 2; look += 1) {
    for (const pod of pods) {
      events.stands(pod, denied());
    }
    await clock.advance(60_000);
  }

  expect(post.posts.length).toBe(250);
  expect(new Set(post.posts.map(({ event }) => event.count))).toEqual(new Set([1]));
});

test("another reason to stand is told at once", async () => {
  const { events, clock, posted } = setUp();

  events.stands(aPod(), denied("first"));
  await clock.advance(1_000);
  events.stands(aPod(), denied("second"));
  await clock.advance(1_000);

  expect(posted()).toEqual(["default/reader-1 x1 first", "default/reader-1 x1 second"]);
});

test("who asks for another role each time has six events and no more", async () => {
  const { events, clock, post, posted } = setUp();

  for (let time = 0; time < 500; time += 1) {
    events.happened(aPod(), denied(`role ${time}`));
    await clock.advance(100);
  }

  expect(new Set(post.posts.map(({ event }) => event.id)).size).toBe(6);
  expect(posted().at(5)).toBe("default/reader-1 x1 (combined from similar events): role 5");
  expect(post.posts.length).toBe(6);
});

test("a pod's successor by the same name has events of its own", async () => {
  const { events, clock, post } = setUp();

  events.happened(aPod({ uid: "a" }), denied());
  events.happened(aPod({ uid: "b" }), denied());
  await clock.advance(1_000);

  expect(new Set(post.posts.map(({ event }) => event.id)).size).toBe(2);
});

test("two replicas name the same event alike", async () => {
  const [one, other] = [setUp(), setUp()];

  one.events.happened(aPod(), denied());
  other.events.happened(aPod(), denied());
  await settle();

  expect(one.post.posts[0]?.event.id).toBe(other.post.posts[0]?.event.id ?? "");
});

test("at most ten are written a second, and a namespace with a thousand keeps none with one waiting", async () => {
  const { events, clock, post, posted } = setUp();
  for (let pod = 0; pod < 1_000; pod += 1) {
    events.happened(aPod({ uid: `loud-${pod}`, name: `loud-${pod}`, namespace: "loud" }), denied());
  }
  await settle();

  events.happened(aPod({ uid: "quiet", name: "quiet", namespace: "quiet" }), denied());
  await clock.advance(200);
  const soon = posted();
  await clock.advance(800);

  expect(soon).toContain("quiet/quiet x1 no");
  expect(post.posts.length).toBeLessThanOrEqual(11);
});

test("a namespace has two hundred waiting; what is more is dropped and counted, its own only", async () => {
  const { events, clock, post, counted } = setUp();

  for (let pod = 0; pod < 500; pod += 1) {
    events.happened(aPod({ uid: `loud-${pod}`, name: `loud-${pod}`, namespace: "loud" }), denied());
  }
  events.happened(aPod({ uid: "quiet", namespace: "quiet" }), denied());
  await clock.advance(60_000);

  expect(post.posts.filter(({ event }) => event.pod.namespace === "loud").length).toBe(200);
  expect(post.posts.filter(({ event }) => event.pod.namespace === "quiet").length).toBe(1);
  expect(await counted("dropped")).toBe(300);
});

test("an event that was there before goes on with its count", async () => {
  const { events, clock, post } = setUp();
  post.answer(() => ({ kind: "posted", count: 41 }));
  events.happened(aPod(), denied());
  await clock.advance(60_000);

  events.happened(aPod(), denied());
  await settle();

  expect(post.posts.map(({ known, event }) => `${known} ${event.count}`)).toEqual(["new 1", "counted 42"]);
});

test("where it may not write, it says so once, and tries no sooner than in a minute", async () => {
  const { events, clock, post, logger, counted } = setUp();
  post.answer(() => ({ kind: "refused", reason: "HTTP 403: events is forbidden" }));

  for (let second = 0; second < 130; second += 1) {
    events.happened(aPod(), denied());
    await clock.advance(1_000);
  }

  expect(logger.lines).toEqual([
    { level: "warn", message: "can't write events on pods: HTTP 403: events is forbidden" },
  ]);
  expect([post.posts.length, await counted("refused")]).toEqual([3, 3]);
});

test("a namespace that is going is nobody's business", async () => {
  const { events, clock, post, logger, counted } = setUp();
  post.answer(() => ({ kind: "unwanted" }));

  events.happened(aPod(), denied());
  await clock.advance(1_000);

  expect([post.posts.length, logger.lines.length, await counted("unwanted")]).toEqual([1, 0, 1]);
});

test("while the API server is away it is asked less and less, three times of each event, and told of once", async () => {
  const { events, clock, post, logger, counted } = setUp();
  post.answer(() => ({ kind: "unavailable", reason: "connection refused", pauseMs: 0 }));

  events.happened(aPod(), denied());
  await clock.advance(600_000);

  expect([post.posts.length, await counted("dropped")]).toEqual([3, 1]);
  expect(logger.lines.map(({ message }) => message)).toEqual(["can't write events on pods: connection refused"]);
});

test("what waited for the API server is posted when it is back, with the time when it happened", async () => {
  const { events, clock, post } = setUp();
  const atMs = clock.now();
  post.answer(() => ({ kind: "unavailable", reason: "HTTP 503", pauseMs: 5_000 }));
  events.happened(aPod(), denied());
  await clock.advance(4_999);
  const meanwhile = post.posts.length;

  post.answer(({ count }) => ({ kind: "posted", count }));
  await clock.advance(1);

  expect([meanwhile, post.posts.length]).toEqual([1, 2]);
  expect([post.posts[1]?.event.lastAtMs, post.posts[1]?.event.count]).toEqual([atMs, 1]);
});

test("an outage that comes back is told again", async () => {
  const { events, clock, post, logger } = setUp();
  const outage = () => post.answer(() => ({ kind: "unavailable", reason: "away", pauseMs: 0 }));
  outage();
  events.happened(aPod(), denied());
  await clock.advance(600_000);
  post.answer(({ count }) => ({ kind: "posted", count }));
  events.happened(aPod(), denied());
  await clock.advance(120_000);
  outage();

  events.happened(aPod(), denied());
  await clock.advance(1_000);

  expect(logger.lines.length).toBe(2);
});

test("it ends with its signal, waiting or not", async () => {
  const { events, controller } = setUp();
  const idle = events.run(controller.signal).catch((error: unknown) => error);

  controller.abort(new Error("stopping"));

  expect(String(await idle)).toContain("stopping");
});
