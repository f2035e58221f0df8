import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";

// docs/SECURITY.md says by which test each line of "what must never happen" is held: these tests have to be there.

const root = join(import.meta.dir, "../..");
const doc = readFileSync(join(root, "docs/SECURITY.md"), "utf8");
const named = [...doc.matchAll(/^ +- `(tests\/[^`]+)`: "([^\n]+)"$/gm)].map(([, file = "", title = ""]) => [
  file,
  title,
]);

test("every line that must never happen names a test", () => {
  const lines = doc.split(/^\d\. \*\*/m).slice(1);

  expect(lines.length).toBe(7);
  expect(lines.filter((line) => !line.includes("   - `tests/"))).toEqual([]);
});

test.each(named)("%s has the test %j", (file, title) => {
  const source = readFileSync(join(root, file ?? ""), "utf8");

  expect(source).toContain(`"${title}"`);
});
