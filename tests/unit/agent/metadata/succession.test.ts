import { expect, test } from "bun:test";
import { awaitSuccession, SuccessionError } from "../../../../src/agent/metadata/succession.ts";
import type { AgentSeen } from "../../../../src/agent/metadata/watch-agent.ts";
import { neverAborted } from "../../../../src/runtime/abort.ts";
import { createFakeClock } from "../../../fakes/clock.ts";
import { createRecordingLogger } from "../../../fakes/recording-logger.ts";

const told = "another agent serves this node: its place is taken when it leaves";

/** What a look at the place sees, one after another; each takes two seconds where the agent stays. */
function succession(seen: readonly AgentSeen[], isInSync = () => true) {
  const clock = createFakeClock();
  const log = createRecordingLogger();
  const looks = [...seen];
  const watchAgent = async () => {
    const next = looks.shift() ?? "none";
    if (next === "stays") {
      await clock.sleep(2_000, neverAborted());
    }
    return next;
  };
  const place = { host: "127.0.0.1", port: 3100 };
  return {
    clock,
    log,
    looks,
    wait: (signal = neverAborted()) => awaitSuccession({ place, watchAgent, isInSync, clock, log }, signal),
  };
}

test("a place that is free is taken at once", async () => {
  const { wait, log } = succession(["none"], () => false);

  await wait();

  expect(log.lines).toEqual([]);
});

test("an agent that stays is outlasted, and told of once", async () => {
  const { wait, clock, log, looks } = succession(["stays", "stays", "left", "none"]);

  const waiting = wait();
  await clock.advance(4_100);
  await waiting;

  expect(looks).toEqual([]);
  expect(log.lines).toEqual([{ level: "info", message: told }]);
});

test("one that only let go of the connection is outlasted further", async () => {
  const { wait, clock, looks } = succession(["left", "stays", "left", "none"]);

  const waiting = wait();
  await clock.advance(2_100);
  await waiting;

  expect(looks).toEqual([]);
});

test("where no server tells of the node's pods in ten seconds the other agent does better", async () => {
  const { wait, clock } = succession(Array(5).fill("stays"), () => false);

  const waiting = wait();
  waiting.catch(() => {});
  await clock.advance(10_000);

  await expect(waiting).rejects.toThrow(
    new SuccessionError("another agent serves on 127.0.0.1:3100, and no server has told this one of its pods yet"),
  );
});

test("one that is not in sync takes the place of an agent that leaves before", async () => {
  const { wait, clock } = succession(["stays", "stays", "stays", "left"], () => false);

  const waiting = wait();
  await clock.advance(6_100);

  expect(await waiting).toBeUndefined();
});

test("one that was in sync waits for as long as it takes", async () => {
  const { wait, clock } = succession(Array(1_000).fill("stays"));

  const waiting = wait();
  await clock.advance(2_000_000);

  expect(await waiting).toBeUndefined();
});

test("a stop ends the wait", async () => {
  const { wait } = succession(["left", "stays"]);
  const stop = new AbortController();

  const waiting = wait(stop.signal);
  stop.abort(new Error("stopped"));

  await expect(waiting).rejects.toThrow("stopped");
});
