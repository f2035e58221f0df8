import { describe, expect, test } from "bun:test";
import { formatJson, formatText, type LogRecord } from "../../../src/telemetry/log-line.ts";

const timeMs = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

function record(message: string, fields: LogRecord["fields"] = {}): LogRecord {
  return { timeMs, level: "warning", message, fields };
}

describe("JSON", () => {
  test("holds time, level, message and fields as they are", () => {
    const line = formatJson(record("said", { "pod.name": "a", count: 3, ok: true, absent: undefined }));

    expect(line).toBe(
      '{"time":"2026-01-02T03:04:05.678Z","level":"warning","msg":"said","pod.name":"a","count":3,"ok":true}',
    );
  });

  test("a field can't pass for the line's own keys", () => {
    const line = JSON.parse(formatJson(record("said", { level: "error", msg: "forged", time: 0 })));

    expect(line).toMatchObject({ level: "warning", msg: "said", "fields.level": "error", "fields.msg": "forged" });
  });

  test("what a reader can't see is written out, and comes back the same", () => {
    const hostile = 'a\n{"level":"error"}\u0000\u001b[2J\u009b2J\u2028\u202e\u200b\u{e0041}\ud800"\\';

    const line = formatJson(record(hostile, { "pod.iam.role": hostile }));

    expect(line).toMatch(/^[\x20-\x7e]*$/);
    expect(JSON.parse(line)).toMatchObject({ msg: hostile, "pod.iam.role": hostile });
  });
});

describe("text", () => {
  test("is logrus' form", () => {
    const line = formatText(
      record("said so", { "pod.name": "web-1", addr: "10.0.0.1:80", count: 3, absent: undefined }),
    );

    expect(line).toBe(
      'time="2026-01-02T03:04:05.678Z" level=warning msg="said so" pod.name=web-1 addr="10.0.0.1:80" count=3',
    );
  });

  test.each([
    ["one", "one"],
    ["", ""],
    ["a/b_c.d@e^f+g-h", "a/b_c.d@e^f+g-h"],
    ["a=b", '"a=b"'],
    ["a b", '"a b"'],
    ['say "x"', '"say \\"x\\""'],
    ["x level=error", '"x level=error"'],
    ["a\nlevel=error msg=forged", '"a\\nlevel=error msg=forged"'],
    ["\u001b[31m", '"\\u001b[31m"'],
    ["\u009b31m", '"\\u009b31m"'],
    ["\u202e", '"\\u202e"'],
    ["\u2028", '"\\u2028"'],
    ["\u{e0041}", '"\\udb40\\udc41"'],
    ["\u007f", '"\\u007f"'],
    ["zürich", '"zürich"'],
  ])("%j is written %s", (value, expected) => {
    const line = formatText(record("m", { key: value }));

    expect(line).toEndWith(`msg=m key=${expected}`);
  });
});

test.each([formatJson, formatText])("a text of 256 KiB is cut", (format) => {
  const line = format(record("m", { annotation: "x".repeat(262_144) }));

  expect(line.length).toBeLessThan(4_300);
  expect(line).toContain("x…");
});
