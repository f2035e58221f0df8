import { expect, test } from "bun:test";
import { readList } from "../../../../src/cli/permitted/read-list.ts";

const namespace = (name: string, permitted?: string) => ({
  kind: "Namespace",
  metadata: { name, annotations: permitted === undefined ? {} : { "iam.amazonaws.com/permitted": permitted } },
});
const podMetadata = (role: string) => ({ annotations: { "iam.amazonaws.com/role": role } });
const pod = (name: string, role: string) => ({
  kind: "Pod",
  metadata: { name: `pod-${role}`, namespace: name, ...podMetadata(role) },
});
const list = (...items: readonly unknown[]) => JSON.stringify({ apiVersion: "v1", kind: "List", items });

test("each role of a namespace is told once, with the namespace's pattern", () => {
  const text = list(pod("team", "a"), namespace("team", "p.*"), pod("team", "a"), pod("team", "b"), pod("other", "c"));

  expect(readList(text)).toEqual({
    kind: "read",
    roles: [
      { namespace: "team", pattern: "p.*", annotated: "a" },
      { namespace: "team", pattern: "p.*", annotated: "b" },
    ],
    untried: [],
  });
});

test("templates of pods count as pods", () => {
  const template = (role: string) => ({ template: { metadata: podMetadata(role) } });
  const text = list(
    namespace("team", "p"),
    { kind: "Deployment", metadata: { namespace: "team" }, spec: template("deployed") },
    { kind: "CronJob", metadata: { namespace: "team" }, spec: { jobTemplate: { spec: template("timed") } } },
  );

  const read = readList(text);

  expect(read.kind === "read" && read.roles.map(({ annotated }) => annotated)).toEqual(["deployed", "timed"]);
});

test("a namespace without a pattern is left out, one without roles is told apart", () => {
  const text = list(namespace("none"), namespace("empty", ""), namespace("quiet", "p"), pod("none", "a"));

  expect(readList(text)).toEqual({ kind: "read", roles: [], untried: [{ namespace: "quiet", pattern: "p" }] });
});

test.each([
  ["", "is not what kubectl prints with -o json"],
  ["NAME STATUS AGE", "is not what kubectl prints with -o json"],
  ["null", "is not what kubectl prints with -o json"],
  ['{"kind":"Namespace"}', "is not what kubectl prints with -o json"],
  [list(pod("team", "a")), "holds no namespace: kubectl get namespaces,pods --all-namespaces -o json"],
])("%p is no such list", (text, problem) => {
  expect(readList(text)).toEqual({ kind: "problem", problem });
});

test("odd items are passed over", () => {
  const text = list(null, 1, [], { kind: "Pod" }, { kind: "Namespace" }, namespace("team", "p"));

  expect(readList(text)).toEqual({ kind: "read", roles: [], untried: [{ namespace: "team", pattern: "p" }] });
});
