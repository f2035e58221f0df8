import { expect, test } from "bun:test";
import { parseWatchEvent } from "../../../src/kubernetes/watch-event.ts";
import { apiStatus, bookmark, rawPod, watchEvent } from "../../fakes/api-objects.ts";

const parse = (event: unknown) => parseWatchEvent(JSON.stringify(event));

test.each([
  ["ADDED", "changed"],
  ["MODIFIED", "changed"],
  ["DELETED", "deleted"],
])("%s says that an object is %s, and where the watch stands", (type, kind) => {
  const pod = rawPod({ resourceVersion: "42" });

  expect(parse(watchEvent(type, pod))).toEqual({ kind, object: pod, resourceVersion: "42" } as never);
});

test("a bookmark says where the watch stands, and nothing else", () => {
  expect(parse(bookmark("77"))).toEqual({ kind: "bookmark", resourceVersion: "77" });
});

test("an error is the refusal that its Status says", () => {
  const status = { ...apiStatus(429, "too many"), details: { retryAfterSeconds: 7 } };

  expect(parse(watchEvent("ERROR", status))).toEqual({
    kind: "failed",
    failure: { kind: "refused", status: 429, message: "too many", retryAfterMs: 7000 },
  });
});

test("an error that is no Status is one of the server's", () => {
  const event = parse(watchEvent("ERROR", "oops"));

  expect(event).toEqual({
    kind: "failed",
    failure: { kind: "refused", status: 500, message: "", retryAfterMs: 0 },
  });
});

test.each([
  "",
  "{",
  "<html>",
  "null",
  "[]",
  '{"type":"ADDED"}',
  '{"type":"ADDED","object":{"metadata":{}}}',
  '{"type":"RENAMED","object":{"metadata":{"resourceVersion":"1"}}}',
])("%p is no event", (line) => {
  expect(parseWatchEvent(line)).toEqual({ kind: "garbled" });
});
