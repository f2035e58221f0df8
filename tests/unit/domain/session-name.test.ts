import { expect, test } from "bun:test";
import fc from "fast-check";
import { sessionName } from "../../../src/domain/session-name.ts";

test.each([
  ["kiam", "kiam-kiam"],
  ["", "kiam-"],
  ["a_b+c=d,e.f@g-h9", "kiam-a_b+c=d,e.f@g-h9"],
  ["team/reader one", "kiam-team-reader-one"],
  ["é", "kiam--"],
  ["🙂!", "kiam---"],
  ["line\nbreak", "kiam-line-break"],
])("%p makes %s", (base, name) => {
  expect(sessionName(base)).toBe(name);
});

test("a name of 64 stays, a longer one is cut to 63 as the Go release does it", () => {
  expect(sessionName("a".repeat(59))).toBe(`kiam-${"a".repeat(59)}`);
  expect(sessionName("a".repeat(60))).toBe(`kiam-${"a".repeat(58)}`);
});

test("whatever the base, STS takes the name", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 200 }), (base) => {
      expect(sessionName(base)).toMatch(/^[A-Za-z0-9_+=,.@-]{2,64}$/);
    }),
  );
});
