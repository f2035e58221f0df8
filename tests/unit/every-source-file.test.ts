import { expect, test } from "bun:test";
import { join, resolve } from "node:path";

const src = resolve(import.meta.dir, "../../src");

test("every source file loads and does nothing by being loaded, so that coverage counts those no test imports", async () => {
  const files = [...new Bun.Glob("**/*.ts").scanSync(src)].filter((file) => file !== "main.ts");

  const loaded = await Promise.all(files.map((file) => import(join(src, file))));

  expect(loaded.length).toBeGreaterThan(20);
});
