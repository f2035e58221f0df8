import { describe, expect, test } from "bun:test";
import type { PodEvent } from "../../../src/domain/pod-event.ts";
import { createPostPodEvent } from "../../../src/kubernetes/events.ts";
import { neverAborted } from "../../../src/runtime/abort.ts";
import { apiStatus } from "../../fakes/api-objects.ts";
import { type FakeApiServer, startFakeApiServer } from "../../fakes/api-server.ts";
import { createFakeClock } from "../../fakes/clock.ts";
import { connectionTo } from "../../fakes/pod-follower.ts";
import { aPod } from "../../fakes/pods.ts";

const event: PodEvent = {
  pod: aPod({ resourceVersion: "7" }),
  reason: "KiamRoleForbidden",
  id: "0123456789abcdef",
  message: "failed assuming role",
  count: 2,
  firstAtMs: Date.UTC(2026, 0, 1, 10),
  lastAtMs: Date.UTC(2026, 0, 1, 11),
};
const path = "/api/v1/namespaces/default/events";
const objectPath = `${path}/reader-1.0123456789abcdef`;

const posting = (api: FakeApiServer, known: "new" | "counted", what = event, clock = createFakeClock()) =>
  createPostPodEvent(connectionTo(api.baseUrl), clock)(what, known, neverAborted());

test("a new event is made in the pod's namespace, as client-go would write it", async () => {
  await using api = await startFakeApiServer();

  const posted = posting(api, "new");
  const request = await api.next();
  request.answer(201, { kind: "Event" });

  expect([request.method, request.path, request.headers["content-type"]]).toEqual(["POST", path, "application/json"]);
  expect(JSON.parse(request.body)).toEqual({
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: "reader-1.0123456789abcdef", namespace: "default" },
    involvedObject: {
      ...{ apiVersion: "v1", kind: "Pod", name: "reader-1", namespace: "default" },
      ...{ uid: "uid-1", resourceVersion: "7" },
    },
    type: "Warning",
    reason: "KiamRoleForbidden",
    message: "failed assuming role",
    source: { component: "kiam.server" },
    reportingComponent: "kiam.server",
    reportingInstance: "",
    firstTimestamp: "2026-01-01T10:00:00Z",
    lastTimestamp: "2026-01-01T11:00:00Z",
    count: 2,
  });
  expect(await posted).toEqual({ kind: "posted", count: 2 });
});

test("one that is known is patched with its count", async () => {
  await using api = await startFakeApiServer();

  const posted = posting(api, "counted");
  const request = await api.next();
  request.answer(200, { kind: "Event" });

  expect([request.method, request.path, request.headers["content-type"]]).toEqual([
    "PATCH",
    objectPath,
    "application/merge-patch+json",
  ]);
  expect(JSON.parse(request.body)).toEqual({
    count: 2,
    message: "failed assuming role",
    lastTimestamp: "2026-01-01T11:00:00Z",
  });
  expect(await posted).toEqual({ kind: "posted", count: 2 });
});

test("one that another replica has posted is counted on from there", async () => {
  await using api = await startFakeApiServer();

  const posted = posting(api, "new");
  (await api.next()).answer(409, apiStatus(409, "already exists"));
  const touch = await api.next();
  touch.answer(200, { count: 40 });
  const count = await api.next();
  count.answer(200, { count: 42 });

  expect([JSON.parse(touch.body), JSON.parse(count.body)]).toEqual([
    { lastTimestamp: "2026-01-01T11:00:00Z" },
    { count: 42 },
  ]);
  expect(await posted).toEqual({ kind: "posted", count: 42 });
});

test("one that the API server has dropped meanwhile is made again", async () => {
  await using api = await startFakeApiServer();

  const posted = posting(api, "counted");
  (await api.next()).answer(404, apiStatus(404, "not found"));
  const again = await api.next();
  again.answer(201, {});

  expect([again.method, again.path]).toEqual(["POST", path]);
  expect(await posted).toEqual({ kind: "posted", count: 2 });
});

test.each([
  ["a".repeat(253), `${"a".repeat(236)}.0123456789abcdef`],
  [`${"a".repeat(235)}.${"b".repeat(17)}`, `${"a".repeat(235)}.0123456789abcdef`],
  [`${"a".repeat(233)}-.-${"b".repeat(17)}`, `${"a".repeat(233)}.0123456789abcdef`],
])("a pod with a long name has events with a name that is allowed", async (name, expected) => {
  await using api = await startFakeApiServer();

  const posted = posting(api, "new", { ...event, pod: aPod({ name }) });
  const request = await api.next();
  request.answer(201, {});
  await posted;

  const { metadata, involvedObject } = JSON.parse(request.body);
  expect([metadata.name, involvedObject.name]).toEqual([expected, name]);
  expect(metadata.name.length).toBeLessThanOrEqual(253);
});

describe("what comes of it", () => {
  test.each([
    [403, 'events is forbidden: User "x" cannot create resource "events"', "refused"],
    [422, "involvedObject.namespace: Invalid value", "refused"],
    [
      403,
      'events "x" is forbidden: unable to create new content in namespace default because it is being terminated',
      "unwanted",
    ],
    [404, 'namespaces "default" not found', "unwanted"],
    [401, "Unauthorized", "unavailable"],
    [429, "too many requests", "unavailable"],
    [500, "etcdserver: request timed out", "unavailable"],
    [503, "unavailable", "unavailable"],
  ])("when the API server answers %i %s", async (status, message, kind) => {
    await using api = await startFakeApiServer();

    const posted = posting(api, "new");
    (await api.next()).answer(status, apiStatus(status, message));

    expect((await posted).kind as string).toBe(kind);
  });

  test("when the API server asks for a pause", async () => {
    await using api = await startFakeApiServer();

    const posted = posting(api, "new");
    (await api.next()).answer(429, apiStatus(429, "slow down"), { "Retry-After": "7" });

    expect(await posted).toEqual({ kind: "unavailable", reason: "HTTP 429: slow down", pauseMs: 7_000 });
  });

  test("when the API server is away", async () => {
    const post = createPostPodEvent(connectionTo("http://127.0.0.1:1"), createFakeClock());

    expect((await post(event, "new", neverAborted())).kind).toBe("unavailable");
  });

  test("when the API server does not answer in time", async () => {
    await using api = await startFakeApiServer();
    const clock = createFakeClock();

    const posted = posting(api, "new", event, clock);
    await api.next();
    await clock.advance(10_000);

    expect(await posted).toEqual({ kind: "unavailable", reason: "no answer within 10000 ms", pauseMs: 0 });
  });
});
