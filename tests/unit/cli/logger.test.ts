import { expect, test } from "bun:test";
import { loggerOf } from "../../../src/cli/logger.ts";
import { createFakeCommandIo } from "../../fakes/command-io.ts";

test.each([
  ["text", false],
  ["JSON", true],
])("the log goes to standard error as %s, from the level on that the flag names", (_, jsonLog) => {
  const io = createFakeCommandIo();
  const logger = loggerOf({ jsonLog, level: "warn", warnings: [] }, io);

  logger.info("not of interest");
  logger.warn("of interest");

  const lines = io.written.stderr.trimEnd().split("\n");
  expect(lines.length).toBe(1);
  expect(lines[0]).toContain(jsonLog ? '"msg":"of interest"' : "of interest");
  expect(io.written.stdout).toBe("");
});

test("what there is to say of the flags comes first", () => {
  const io = createFakeCommandIo();

  loggerOf({ jsonLog: true, level: "warn", warnings: ["--a does nothing", "--b does nothing"] }, io);

  const said = io.written.stderr
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(said).toEqual([
    { time: expect.any(String), level: "warning", msg: "--a does nothing" },
    { time: expect.any(String), level: "warning", msg: "--b does nothing" },
  ]);
});
