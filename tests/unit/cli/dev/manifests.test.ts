import { expect, test } from "bun:test";
import { resolve } from "node:path";
import { readManifests } from "../../../../src/cli/dev/manifests.ts";

function read(text: string) {
  return readManifests(text, "pods.yaml");
}

test("the example in the repository holds a namespace, an allowed pod and a denied one", async () => {
  const text = await Bun.file(resolve(import.meta.dir, "../../../../deploy/dev/pods.yaml")).text();

  const manifests = readManifests(text, "deploy/dev/pods.yaml");

  expect(manifests).toMatchObject({ kind: "read", leftOut: [] });
  expect(manifests.kind === "read" && [manifests.namespaces.length, manifests.pods.length]).toEqual([1, 2]);
});

test("a List stands for its items, and what is neither pod nor namespace is named", () => {
  const manifests = read(
    "kind: List\nitems:\n- {kind: Pod, metadata: {name: a}}\n- {kind: Service, metadata: {name: b}}\n",
  );

  expect(manifests).toMatchObject({ kind: "read", leftOut: ["Service/b"] });
  expect(manifests.kind === "read" && manifests.pods.length).toBe(1);
});

test.each([
  ["kind: Pod\nmetadata:\n  name: a\n bad: [", "pods.yaml:4: "],
  ["kind: Pod\nkind: Pod\n", "pods.yaml:2: Map keys must be unique"],
  ["metadata: {name: a}", "pods.yaml: a document without a kind"],
  ["- just\n- a list", "pods.yaml: a document without a kind"],
  ["kind: Pod\nmetadata: {}", "pods.yaml: a Pod without metadata.name"],
  ["kind: Pod\nmetadata: {name: a, annotations: {x: 5}}", "Pod a: annotation x is not a string; put it into quotes"],
])("a mistake is one line that names the file and the place: %j", (text, problem) => {
  const manifests = read(text);

  const line = manifests.kind === "mistake" ? manifests.problem : "no mistake seen";
  expect(line).toContain(problem);
  expect(line).not.toContain("\n");
});

test.each([
  ["kind: Pod\nmetadata: *nobody\n", "pods.yaml: Unresolved alias (the anchor must be set before the alias): nobody"],
  ["kind: Pod\nmetadata: {name: a}\nspec: &a [*a]\n", "pods.yaml: an alias names what it is itself a part of"],
  ["kind: List\nitems: 5", "pods.yaml: a List whose items are no list"],
  ["kind: Pod\nmetadata: {name: a, namespace: 5}", "Pod a: its namespace is not a string; put it into quotes"],
  ["kind: Pod\nmetadata: {name: a, annotations: [x]}", "Pod a: its annotations are no map"],
])("so is one that shows only when the text is taken at its word: %j", (text, problem) => {
  const manifests = read(text);

  expect(manifests.kind === "mistake" && manifests.problem).toEndWith(problem);
});

test("text that grows without bound when its aliases are followed is refused", () => {
  const rows = ["a", "b", "c", "d"].map((name, index, all) => {
    const items = Array(9).fill(index === 0 ? "x" : `*${all[index - 1]}`);
    return `${name}: &${name} [${items.join(", ")}]\n`;
  });

  const manifests = read(`${rows.join("")}kind: Pod\nmetadata: {name: a}\n`);

  expect(manifests.kind === "mistake" && manifests.problem).toContain("Excessive alias count");
});

test("what the API's own lists hold may leave its kind out", () => {
  const manifests = read(
    "kind: PodList\nitems: [{metadata: {name: a}}]\n---\nkind: NamespaceList\nitems: [{metadata: {name: b}}]\n",
  );

  expect(manifests).toMatchObject({ pods: [{ metadata: { name: "a" } }], namespaces: [{ metadata: { name: "b" } }] });
});

test("what YAML has to warn about is written nowhere", async () => {
  const warnings: string[] = [];
  const onWarning = (warning: Error) => warnings.push(warning.message);
  process.on("warning", onWarning);
  using _listening = { [Symbol.dispose]: () => process.off("warning", onWarning) };

  const manifests = read("? [a, b]\n: c\nkind: !custom Pod\nmetadata: {name: a}\n");
  const { promise: later, resolve } = Promise.withResolvers<void>();
  setImmediate(resolve);
  await later;

  expect([manifests.kind, warnings]).toEqual(["read", []]);
});

test.each(["", "---\n---\n", "# nothing\n"])("an empty file has nothing in it: %j", (text) => {
  const manifests = read(text);

  expect(manifests).toEqual({ kind: "read", pods: [], namespaces: [], leftOut: [] });
});
