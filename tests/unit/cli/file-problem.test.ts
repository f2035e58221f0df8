import { expect, test } from "bun:test";
import { join } from "node:path";
import { fileProblem } from "../../../src/cli/file-problem.ts";

test.each([
  [import.meta.path, undefined],
  [import.meta.dir, "is a directory"],
  [join(import.meta.dir, "nothing-here"), "does not exist"],
  [join(import.meta.path, "below-a-file"), "does not exist"],
  ["a\0b", "can't be read (ERR_INVALID_ARG_VALUE)"],
])("%j: %p", (path, expected) => {
  const problem = fileProblem(path);

  expect(problem).toBe(expected);
});
