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

test.each(["", "---\n---\n", "# nothing\n"])("an empty file has nothing in it: %j", (text) => {
  const manifests = read(text);

  expect(manifests).toEqual({ kind: "read", pods: [], namespaces: [], leftOut: [] });
});
