import { expect, test } from "bun:test";
import fc from "fast-check";
import { RE2JS } from "re2js";
import { patternSize } from "../../../../src/server/policy/pattern-size.ts";

test.each([
  ["reader", 6],
  ["arn:aws:iam::123456789012:role/.*", 33],
  ["a{3}", 4 + 6],
  ["[a-z]{1,64}", 11 + 128],
  ["a{2,}b", 6 + 4],
  ["(ab){3}", 7 + 21],
  ["(ab)\\Q\\E{3}", 11 + 33],
  ["x{y}{,5}", 8],
  ["\\pL\\PN", 6 + 100],
  ["[\\x{fe}-é]", 10 + 2000],
])("%s is of size %i", (pattern, size) => {
  expect(patternSize(pattern)).toBe(size);
});

test.each([["(a{1000}){1000}"], ["((a{100}){100}){100}"], ["(((a{10}){10}){10}){10}"], ["(.{30}){1,900}"]])(
  "%s is larger than it looks",
  (pattern) => {
    expect(patternSize(pattern)).toBeGreaterThan(20_000);
  },
);

/** What no pattern that compiles exceeds: an instruction or two for a character, and a few for the whole. */
const bound = (pattern: string): number => 2 * patternSize(pattern) + 10;

function expectBounded(pattern: string): void {
  fc.pre(patternSize(pattern) < 20_000);
  let instructions = 0;
  try {
    instructions = RE2JS.compile(pattern).programSize();
  } catch {
    fc.pre(false);
  }
  expect(instructions).toBeLessThanOrEqual(bound(pattern));
}

const pieces = [
  "a",
  "ab",
  ".",
  "[a-z]",
  "[)]",
  "[(]",
  "\\)",
  "\\(",
  "(",
  "(?:",
  ")",
  "|",
  "*",
  "+",
  "?",
  "(?i)",
  "\\Q",
];
const braces = [
  "{2}",
  "{7}",
  "{0,9}",
  "{3,}",
  "{30}",
  "{",
  "}",
  "\\{",
  "\\E",
  "\\Q\\E",
  "\\Qa)\\E",
  "[",
  "]",
  "-",
  "\\x41",
];

test("whatever is written, the size is never too low by more than a small factor", () => {
  const anyPattern = fc.array(fc.constantFrom(...pieces, ...braces), { maxLength: 14 }).map((parts) => parts.join(""));

  fc.assert(fc.property(anyPattern, expectBounded), { numRuns: 1000, maxSkipsPerRun: 1000 });
});

test("nor is it for repetitions of repetitions", () => {
  const { pattern } = fc.letrec<{ pattern: string }>((tie) => ({
    pattern: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom("a", "[)]", "[(]", "\\(", ".", "\\Q)\\E", "(?i)"),
      fc.tuple(tie("pattern"), tie("pattern")).map((parts) => parts.join("")),
      fc.tuple(tie("pattern"), tie("pattern")).map((parts) => `(?:${parts.join("|")})`),
      fc
        .tuple(tie("pattern"), fc.constantFrom("", "\\Q\\E", "(?s)"), fc.constantFrom("{3}", "{0,5}", "{2,}", "*", "?"))
        .map(([inner, between, times]) => `(${inner})${between}${times}`),
    ),
  }));

  fc.assert(fc.property(pattern, expectBounded), { numRuns: 1000, maxSkipsPerRun: 1000 });
});
