import { expect, test } from "bun:test";
import { join } from "node:path";

const repository = join(import.meta.dir, "../../..");

const documented = [...(await Bun.file(join(repository, "docs/LOGS.md")).text()).matchAll(/^\| `([\w.-]+)` \|/gm)].map(
  ([, key = ""]) => key,
);

test("every key with a point in it that is written anywhere is in docs/LOGS.md", async () => {
  const written = new Set<string>();
  for await (const file of new Bun.Glob("**/*.ts").scan(join(repository, "src"))) {
    const text = await Bun.file(join(repository, "src", file)).text();
    for (const [, key = ""] of text.matchAll(
      /"((?:pod|credentials|policy|namespace|resource|generation|node)\.[\w.-]+)"/g,
    )) {
      written.add(key);
    }
  }

  expect(written.size).toBeGreaterThan(10);
  expect([...written].filter((key) => !documented.includes(key))).toEqual([]);
});

test("no key is told of twice", () => {
  expect(new Set(documented).size).toBe(documented.length);
});
