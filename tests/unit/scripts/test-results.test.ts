import { expect, test } from "bun:test";
import { addResults, closingLine, countResults, succeeded } from "../../../scripts/test-results.ts";

test("the tests of every summary in the output are counted", () => {
  const output = "(pass) a [1ms]\n\n 12 pass\n 0 fail\n 30 expect() calls\nok   unit tests (1.0 s)\n 3 pass\n 0 fail\n";

  expect(countResults(output, 0)).toEqual({ passed: 15, failed: 0 });
});

test("failed tests, files that did not load and failed static checks are failures", () => {
  const output = " 12 pass\n 2 fail\n 1 error\nFAIL types (3.1 s)\nFAIL unit tests (2.0 s)\nok   dead code (1.0 s)\n";

  expect(countResults(output, 1)).toEqual({ passed: 12, failed: 4 });
});

test("colours do not hide a summary", () => {
  expect(countResults("\u001b[32m 4 pass\u001b[0m\n\u001b[31m 1 fail\u001b[0m\n", 1)).toEqual({ passed: 4, failed: 1 });
});

test.each([
  ["a step that said nothing", "", 1],
  ["a step whose tests all passed before it died", " 4 pass\n 0 fail\n", 137],
  ["unit tests that died before their summary", "FAIL unit tests (2.0 s)\n", 1],
])("a failed exit is a failure: %s", (_case, output, exitCode) => {
  expect(countResults(output, exitCode).failed).toBe(1);
});

test("what a test prints is not taken for a summary", () => {
  expect(countResults("we saw 4 pass\n5 passed\n 7 failures\n", 0)).toEqual({ passed: 0, failed: 0 });
});

test("a run counts as a success when tests ran and none failed", () => {
  const all = addResults([
    { passed: 2, failed: 0 },
    { passed: 3, failed: 0 },
  ]);

  expect(closingLine(all)).toBe("5 passed, 0 failed");
  expect([succeeded(all), succeeded({ passed: 0, failed: 0 }), succeeded({ passed: 5, failed: 1 })]).toEqual([
    true,
    false,
    false,
  ]);
});
