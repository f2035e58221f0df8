import { describe, expect, test } from "bun:test";
import { resolve } from "node:path";
import manifest from "../../../package.json" with { type: "json" };
import { productionPackages } from "../../../scripts/notices/packages.ts";
import { renderNotices } from "../../../scripts/notices/render.ts";
import { notices } from "../../../scripts/notices.ts";

const runtime = { version: "1.2.3", notice: "made of parts", licenses: ["part's licence"] };
const mit = { version: "1.0.0", license: "MIT", texts: ["mit's text"] };

describe("the notices of this tree", () => {
  test("name every production dependency and no tool of the developers", () => {
    const names = productionPackages(resolve(import.meta.dir, "../../..")).map(({ name }) => name);

    expect(names).toEqual(expect.arrayContaining(Object.keys(manifest.dependencies)));
    expect(names).toContain("tslib"); // A dependency's dependency.
    expect(names.filter((name) => Object.hasOwn(manifest.devDependencies, name))).toEqual([]);
  });

  test("have the texts of Bun's copyleft parts, and of the licence that most packages have", () => {
    const text = notices();

    expect(text).toContain("GNU LIBRARY GENERAL PUBLIC LICENSE");
    expect(text).toContain("GNU LESSER GENERAL PUBLIC LICENSE");
    expect(text).toContain("Version 2.0, January 2004");
    expect(text).toContain("Copyright 2008 Google Inc.");
  });
});

test("a licence that two packages share is printed once, under both names", () => {
  const text = renderNotices(
    [
      { name: "a", ...mit },
      { name: "b", ...mit },
    ],
    runtime,
    {},
  );

  expect(text.match(/mit's text/g)).toHaveLength(1);
  expect(text).toContain("\na 1.0.0 (MIT)\nb 1.0.0 (MIT)\n");
  expect(text).toContain("\nBun 1.2.3\n");
});

test("a package without a licence file has what is said of it, else of its licence", () => {
  const bare = { version: "1.0.0", license: "MIT", texts: [] };

  const text = renderNotices(
    [
      { name: "a", ...bare },
      { name: "b", ...bare },
    ],
    runtime,
    { a: ["a's own"], MIT: ["any"] },
  );

  expect(text).toContain(
    "a 1.0.0 (MIT)\n================================================================================\n\na's own",
  );
  expect(text).toContain(
    "b 1.0.0 (MIT)\n================================================================================\n\nany",
  );
});

test("a package of which nobody knows the licence's text is an error that names it", () => {
  const unknown = { name: "mystery", version: "1.0.0", license: "", texts: [] };

  expect(() => renderNotices([unknown], runtime, {})).toThrow("mystery");
});
