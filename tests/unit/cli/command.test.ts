import { expect, test } from "bun:test";
import { command } from "../../../src/cli/command.ts";
import { count } from "../../../src/cli/flag-kind.ts";
import type { FlagTable } from "../../../src/cli/flag-table.ts";
import { createFakeCommandIo } from "../../fakes/command-io.ts";

const flags = {
  size: { group: "Logging", name: "size", kind: count(10), default: "3", description: "" },
} as const satisfies FlagTable;

test("a command gets its values and its exit code is the process's", async () => {
  const seen: number[] = [];
  const sized = command({
    summary: "",
    flags,
    load: async () => async (values) => {
      seen.push(values.size);
      return 7;
    },
  });

  const exitCode = await sized.run("sized", ["--size=4"], createFakeCommandIo());

  expect(exitCode).toBe(7);
  expect(seen).toEqual([4]);
});

test("nothing is loaded for flags that contradict each other", async () => {
  const io = createFakeCommandIo();
  let loads = 0;
  const sized = command({
    summary: "",
    flags,
    contradiction: ({ size }) => (size === 3 ? "three is too many" : undefined),
    load: async () => {
      loads += 1;
      return async () => 0;
    },
  });

  const refused = await sized.run("sized", [], io);
  const accepted = await sized.run("sized", ["--size=2"], io);

  expect([refused, accepted, loads]).toEqual([2, 0, 1]);
  expect(io.written.stderr).toBe("kiam sized: three is too many\n");
});

test("a command that throws has failed, and says why", async () => {
  const io = createFakeCommandIo();
  const taken = Object.assign(new Error("listen EADDRINUSE"), { code: "EADDRINUSE" });
  const failing = command({ summary: "", flags, load: async () => () => Promise.reject(taken) });

  const exitCode = await failing.run("failing", [], io);

  expect(exitCode).toBe(1);
  expect(io.written.stderr).toBe("kiam failing: listen EADDRINUSE\n");
});

test("a command that is told to stop while it starts has not failed, and says nothing", async () => {
  const stopping = new AbortController();
  const io = createFakeCommandIo({}, stopping.signal);
  const starting = command({
    summary: "",
    flags,
    load:
      async () =>
      async (_values, { clock, signal }) => {
        await clock.sleep(1_000, signal);
        return 1;
      },
  });

  const ended = starting.run("starting", [], io);
  await io.clock.waiting();
  stopping.abort(new Error("stopped by SIGTERM"));

  expect([await ended, io.written.stderr]).toEqual([0, ""]);
});

test("a command that fails after it was told to stop has failed", async () => {
  const io = createFakeCommandIo({}, AbortSignal.abort(new Error("stopped by SIGTERM")));
  const taken = Object.assign(new Error("listen EADDRINUSE"), { code: "EADDRINUSE" });
  const failing = command({ summary: "", flags, load: async () => () => Promise.reject(taken) });

  const exitCode = await failing.run("failing", [], io);

  expect([exitCode, io.written.stderr]).toEqual([1, "kiam failing: listen EADDRINUSE\n"]);
});
