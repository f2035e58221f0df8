export interface Results {
  readonly passed: number;
  readonly failed: number;
}

/**
 * Counts what a step of the test run came to, from the summaries of `bun test` and the lines of scripts/check.ts in its
 * output. A step that failed without saying of what counts as one failure.
 */
export function countResults(output: string, exitCode: number): Results {
  const lines = output.split("\n").map((line) => Bun.stripANSI(line).trimEnd());
  const total = (pattern: RegExp) => lines.reduce((sum, line) => sum + Number(pattern.exec(line)?.[1] ?? 0), 0);
  const tests = total(/^ *(\d+) fail$/) + total(/^ *(\d+) errors?$/);
  // Failed tests are counted one by one above.
  const checks = lines.filter((line) => line.startsWith("FAIL ") && !line.startsWith("FAIL unit tests")).length;
  const counted = tests + checks;
  return { passed: total(/^ *(\d+) pass$/), failed: exitCode !== 0 && counted === 0 ? 1 : counted };
}

export function addResults(all: readonly Results[]): Results {
  const sum = (pick: (results: Results) => number) => all.reduce((total, each) => total + pick(each), 0);
  return { passed: sum((each) => each.passed), failed: sum((each) => each.failed) };
}

/** The test run's last line, by which CI reads that tests ran. */
export function closingLine({ passed, failed }: Results): string {
  return `${passed} passed, ${failed} failed`;
}

/** A run without a single test has shown nothing. */
export function succeeded({ passed, failed }: Results): boolean {
  return failed === 0 && passed > 0;
}
