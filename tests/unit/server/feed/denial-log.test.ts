import { expect, test } from "bun:test";
import { Registry } from "prom-client";
import { createPodEvents } from "../../../../src/server/events/pod-events.ts";
import { createDenialLog } from "../../../../src/server/feed/denial-log.ts";
import { createServerMetrics } from "../../../../src/server/metrics.ts";
import { createFakeClock } from "../../../fakes/clock.ts";
import { createFakePostPodEvent } from "../../../fakes/pod-events.ts";
import { aPod } from "../../../fakes/pods.ts";
import { createRecordingLogger } from "../../../fakes/recording-logger.ts";

function setUp() {
  const metrics = createServerMetrics(new Registry());
  const logger = { ...createRecordingLogger(), error: () => undefined };
  const deps = { metrics, logger, clock: createFakeClock(), random: () => 0.5, post: createFakePostPodEvent() };
  return createDenialLog({ ...deps, events: createPodEvents(deps) });
}

function heldBytes(): number {
  Bun.gc(true);
  return process.memoryUsage().heapUsed;
}

test("of thousands of pods that have come and gone little is remembered, however long their annotations", () => {
  const denials = setUp();
  const before = heldBytes();

  for (let count = 0; count < 4_096; count += 1) {
    const annotated = `${count}é${"x".repeat(2_000)}`;
    denials.note(aPod({ uid: `uid-${count}` }), { kind: "malformed-role", annotated });
  }
  const grownBytes = heldBytes() - before;
  denials.note(aPod(), { kind: "malformed-role", annotated: "still in use" });

  expect(grownBytes / 4_096).toBeLessThan(1_200);
});
