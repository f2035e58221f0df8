import { describe, expect, test } from "bun:test";
import { mayStillRun } from "../../../src/kubernetes/may-still-run.ts";
import { rawPod } from "../../fakes/api-objects.ts";

const running = { running: { startedAt: "2026-01-01T00:00:10Z" } };
const waiting = { waiting: { reason: "ContainerCreating" } };
const ended = (exitCode: number) => ({ terminated: { exitCode } });
const appIs = (state: unknown) => ({ containerStatuses: [{ name: "app", state }] });
const deleted = { deletionTimestamp: "2026-01-01T01:00:00Z" };

test.each(["Succeeded", "Failed"])("a pod whose phase is %s is over, whatever its containers say", (phase) => {
  const pod = rawPod({ status: { phase, ...appIs(running) } });

  expect(mayStillRun(pod)).toBe(false);
});

test.each(["Pending", "Running", "Unknown", ""])(
  "a pod whose phase is %p may run before its kubelet reports",
  (phase) => {
    const pod = rawPod({ status: { phase } });

    expect(mayStillRun(pod)).toBe(true);
  },
);

describe("a container that has ended", () => {
  test.each([
    ["Always", 0, true],
    ["Always", 1, true],
    ["OnFailure", 0, false],
    ["OnFailure", 1, true],
    ["Never", 0, false],
    ["Never", 1, false],
    [undefined, 0, true],
  ])("under restart policy %p with exit code %i may run again: %p", (restartPolicy, exitCode, expected) => {
    const pod = rawPod({ spec: { restartPolicy }, status: appIs(ended(exitCode)) });

    expect(mayStillRun(pod)).toBe(expected);
  });

  test.each(["Always", "OnFailure", "Never"])(
    "is not started again under %s once its pod is being deleted",
    (policy) => {
      const pod = rawPod({ metadata: deleted, spec: { restartPolicy: policy }, status: appIs(ended(1)) });

      expect(mayStillRun(pod)).toBe(false);
    },
  );

  test("without its exit code may have failed, and be started again", () => {
    const pod = rawPod({ spec: { restartPolicy: "OnFailure" }, status: appIs({ terminated: {} }) });

    expect(mayStillRun(pod)).toBe(true);
  });

  test("follows its own restart policy before the pod's", () => {
    const containers = [{ name: "app", restartPolicy: "Never" }];
    const pod = rawPod({ spec: { restartPolicy: "Always", containers }, status: appIs(ended(0)) });

    expect(mayStillRun(pod)).toBe(false);
  });

  test("may run again where rules of its own say when", () => {
    const containers = [{ name: "app", restartPolicy: "Never", restartPolicyRules: [{ action: "Restart" }] }];
    const pod = rawPod({ spec: { containers }, status: appIs(ended(42)) });

    expect(mayStillRun(pod)).toBe(true);
  });
});

describe("a pod that is being deleted", () => {
  test.each([
    ["running", running],
    ["waiting, which the kubelet reports late", waiting],
  ])("may run while its container is %s", (_, state) => {
    const pod = rawPod({ metadata: deleted, status: appIs(state) });

    expect(mayStillRun(pod)).toBe(true);
  });

  test("may run while nothing is reported of its container", () => {
    const pod = rawPod({ metadata: deleted });

    expect(mayStillRun(pod)).toBe(true);
  });
});

describe("of several containers", () => {
  const two = { restartPolicy: "Never", containers: [{ name: "app" }, { name: "log" }] };

  test("one that runs is enough", () => {
    const containerStatuses = [
      { name: "app", state: ended(0) },
      { name: "log", state: running },
    ];

    expect(mayStillRun(rawPod({ spec: two, status: { containerStatuses } }))).toBe(true);
  });

  test("one that is not reported yet is enough", () => {
    expect(mayStillRun(rawPod({ spec: two, status: appIs(ended(0)) }))).toBe(true);
  });

  test("all have to end for the pod to be over", () => {
    const containerStatuses = [
      { name: "log", state: ended(1) },
      { name: "app", state: ended(0) },
    ];

    expect(mayStillRun(rawPod({ spec: two, status: { containerStatuses } }))).toBe(false);
  });
});

test.each([
  ["a sidecar", "initContainerStatuses"],
  ["a debugging container", "ephemeralContainerStatuses"],
])("%s that outlives the others is running still", (_, field) => {
  const status = { ...appIs(ended(0)), [field]: [{ name: "other", state: running }] };
  const pod = rawPod({ spec: { restartPolicy: "Never" }, status });

  expect(mayStillRun(pod)).toBe(true);
});

test("init containers that have ended keep no pod alive, and end none", () => {
  const initContainerStatuses = [{ name: "init", state: ended(0) }];
  const starting = rawPod({ spec: { restartPolicy: "Never" }, status: { initContainerStatuses, ...appIs(waiting) } });
  const over = rawPod({ spec: { restartPolicy: "Never" }, status: { initContainerStatuses, ...appIs(ended(0)) } });

  expect([mayStillRun(starting), mayStillRun(over)]).toEqual([true, false]);
});

test("what is no pod at all has not ended", () => {
  expect([mayStillRun(undefined), mayStillRun({ status: { containerStatuses: 7 } })]).toEqual([true, true]);
});
