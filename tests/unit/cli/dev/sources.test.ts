import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { devSources } from "../../../../src/cli/dev/sources.ts";

const folder = mkdtempSync(join(tmpdir(), "kiam-sources-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const podNamed = (name: string) => `kind: Pod\nmetadata: {name: ${name}}\n`;

test("without files the example is read", async () => {
  const manifests = await devSources([], podNamed("example")).read();

  expect(manifests).toMatchObject({ kind: "read", pods: [{ metadata: { name: "example" } }] });
});

test("a mistake in the example would be said to be there", async () => {
  const manifests = await devSources([], "[").read();

  expect(manifests.kind === "mistake" && manifests.problem).toStartWith("the built-in example:1: ");
});

test("several files are one cluster, in their order", async () => {
  const first = file("first.yaml", `${podNamed("a")}---\nkind: Namespace\nmetadata: {name: shop}\n`);
  const second = file("second.yaml", `${podNamed("b")}---\nkind: Service\nmetadata: {name: db}\n`);

  const manifests = await devSources([first, second], podNamed("example")).read();

  expect(manifests).toMatchObject({
    kind: "read",
    pods: [{ metadata: { name: "a" } }, { metadata: { name: "b" } }],
    namespaces: [{ metadata: { name: "shop" } }],
    leftOut: ["Service/db"],
  });
});

test("the first mistake counts for all, and says in which file it is", async () => {
  const good = file("good.yaml", podNamed("a"));
  const bad = file("bad.yaml", "kind: Pod\nmetadata: {");

  const manifests = await devSources([good, bad], "").read();

  expect(manifests.kind === "mistake" && manifests.problem).toStartWith(`${bad}:2: `);
});

test("each reading reads again, and a file that is gone is a mistake", async () => {
  const path = file("changing.yaml", podNamed("before"));
  const sources = devSources([path], "");

  const before = await sources.read();
  file("changing.yaml", podNamed("after"));
  const after = await sources.read();
  rmSync(path);
  const gone = await sources.read();

  expect([before, after]).toMatchObject([
    { pods: [{ metadata: { name: "before" } }] },
    { pods: [{ metadata: { name: "after" } }] },
  ]);
  expect(gone.kind === "mistake" && gone.problem).toStartWith(`${path}: ENOENT`);
});
