import { expect, test } from "bun:test";
import { parseNamespace } from "../../../src/kubernetes/parse-namespace.ts";

test("a namespace is read with its pattern", () => {
  const annotations = { "iam.amazonaws.com/permitted": ".*reader" };

  const observed = parseNamespace({ metadata: { name: "default", resourceVersion: "3", annotations } });

  expect(observed).toEqual({ kind: "live", item: { name: "default", permitted: ".*reader", resourceVersion: "3" } });
});

test.each([undefined, null, {}, { "iam.amazonaws.com/permitted": 7 }])(
  "a namespace whose annotations are %p permits nothing",
  (annotations) => {
    const observed = parseNamespace({ metadata: { name: "default", annotations } });

    expect(observed).toEqual({ kind: "live", item: { name: "default", permitted: "", resourceVersion: "" } });
  },
);

test("a namespace that is terminating is live: its pods have to finish", () => {
  const metadata = { name: "default", deletionTimestamp: "2026-01-01T00:00:00Z" };

  expect(parseNamespace({ metadata, status: { phase: "Terminating" } }).kind).toBe("live");
});

test.each([[undefined], [[]], [{ metadata: { name: 7 } }]])("%p is no namespace, and no error", (raw) => {
  expect(parseNamespace(raw).kind).toBe("unreadable");
});
