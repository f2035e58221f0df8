import { expect, test } from "bun:test";
import { createLogger } from "../../../src/telemetry/log.ts";
import { createFakeClock } from "../../fakes/clock.ts";

function logging(format: "json" | "text", level: "debug" | "info" | "warn" | "error") {
  const lines: string[] = [];
  const logger = createLogger({ format, level, write: (line) => lines.push(line), clock: createFakeClock() });
  return { logger, lines };
}

test("a record is one line, with the time of the clock", () => {
  const { logger, lines } = logging("text", "info");

  logger.info("started", { addr: "x" });

  expect(lines).toEqual(['time="2026-01-01T00:00:00.000Z" level=info msg=started addr=x\n']);
});

test.each([
  ["debug", ["debug", "info", "warning", "error"]],
  ["info", ["info", "warning", "error"]],
  ["warn", ["warning", "error"]],
  ["error", ["error"]],
] as const)("--level %s writes %j, in the Go release's words", (level, expected) => {
  const { logger, lines } = logging("json", level);

  logger.debug("d");
  logger.info("i");
  logger.warn("w");
  logger.error("e");

  expect(lines.map((line) => JSON.parse(line).level)).toEqual([...expected]);
});

test("equal records in a burst are each written, at once", () => {
  const { logger, lines } = logging("json", "info");

  for (let turn = 0; turn < 100; turn += 1) {
    logger.info("credentials handed out", { "pod.name": "a" });
  }

  expect(lines.length).toBe(100);
});

test("two loggers don't share a level or an output", () => {
  const one = logging("json", "error");
  const other = logging("json", "debug");

  one.logger.info("to nobody");
  other.logger.info("to the other");

  expect([one.lines.length, other.lines.length]).toEqual([0, 1]);
});
