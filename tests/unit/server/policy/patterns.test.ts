import { heapStats } from "bun:jsc";
import { expect, test } from "bun:test";
import fc from "fast-check";
import { RE2JS } from "re2js";
import { createPatterns } from "../../../../src/server/policy/patterns.ts";
import { aRole } from "../../../fakes/roles.ts";

const reader = aRole("arn:aws:iam::123456789012:role/reader");
const longest = aRole(`arn:aws:iam::123456789012:role/${"ab".repeat(255)}/${"ab".repeat(32)}`);
const matches = { kind: "matches" } as const;
const differs = { kind: "differs" } as const;

test.each([
  [".*"],
  ["arn:aws:iam::123456789012:role/reader"],
  ["^arn:aws:iam::123456789012:role/reader$"],
  ["\\Aarn:aws:iam::.*:role/reader\\z"],
  [".*writer|.*reader"],
  ["writer|.*|nobody"],
  ["(?i)ARN:AWS:IAM::123456789012:ROLE/READER"],
  ["(?s).*"],
  ["(?m)^arn:.*$"],
  ["\\Qarn:aws:iam::123456789012:role/reader\\E"],
  ["arn:aws:iam::[0-9]{12}:role/[a-z]{1,64}"],
  ["arn:aws:iam::\\d+:role/(?P<name>rea|wri)(?:d|t)er"],
  [".+reade[[:lower:]]"],
  [".*?"],
  ["(.*)(.*)(.*)"],
  ["[^\\n]*"],
  ["\\p{Greek}*.*"],
])("the whole role matches %s", (pattern) => {
  expect(createPatterns("whole").match(pattern, reader)).toEqual(matches);
  expect(createPatterns("anywhere").match(pattern, reader)).toEqual(matches);
});

test.each([
  ["reader"],
  ["arn:aws:iam::123456789012:role/"],
  ["arn:aws:iam::123456789012:role/read"],
  [".*read"],
  ["a|r"],
  ["arn|reader"],
  ["(?m)^arn"],
  ["(?m)reader$"],
  ["(?U).*?:role"],
  ["role/reader$"],
  ["^arn:aws"],
  ["(?i)READER"],
  ["\\Qreader\\E"],
  [""],
  ["(?:)"],
  ["|writer"],
  ["$"],
  ["\\b"],
])("%p matches in the role, and not the whole of it", (pattern) => {
  expect(createPatterns("whole").match(pattern, reader)).toEqual(differs);
  expect(createPatterns("anywhere").match(pattern, reader)).toEqual(matches);
});

test.each([
  ["writer"],
  [".*writer"],
  ["READER"],
  ["arn:aws:iam::999999999999:role/.*"],
  ["\\n"],
  ["a{50}"],
  ["^reader"],
])("%s matches nowhere in the role", (pattern) => {
  expect(createPatterns("whole").match(pattern, reader)).toEqual(differs);
  expect(createPatterns("anywhere").match(pattern, reader)).toEqual(differs);
});

test.each([
  ["a)|(?:.*"],
  [")|(.*"],
  ["reader)$|^(?:.*"],
  ["\\Qx)|(?:.*"],
  ["("],
  ["(?:"],
  ["[a-"],
  ["*"],
  ["a**"],
  ["(?=arn).*"],
  ["(?<=x)y|.*"],
  ["(a)\\1"],
  ["\\"],
  ["(?x) .*"],
  ["(?#comment).*"],
  ["\\C*"],
  ["\\Z"],
  ["(?i"],
  ["a{1001}"],
  ["(a{1000}){1000}"],
  ["\\pQ"],
  ["[[:nothing:]]"],
  [`${"(".repeat(1001)}${")".repeat(1001)}`],
])("%p is no pattern, and permits nothing", (pattern) => {
  const verdict = createPatterns("whole").match(pattern, reader);

  expect(verdict).toEqual({ kind: "malformed", problem: expect.any(String) });
});

test("a quotation left open would swallow the end of the whole: in strict matching it is no pattern", () => {
  const pattern = "\\Qarn:aws:iam::123456789012:role/reader";

  expect(createPatterns("whole").match(pattern, reader).kind).toBe("malformed");
  expect(createPatterns("anywhere").match(pattern, reader)).toEqual(matches);
});

test("a problem is told in words, and not at the length of the pattern", () => {
  const verdict = createPatterns("whole").match(`${"é(".repeat(2)}${"a".repeat(2900)}`, reader);

  expect(verdict).toEqual({ kind: "malformed", problem: expect.stringContaining("missing closing )") });
  expect(verdict.kind === "malformed" && verdict.problem.length).toBeLessThanOrEqual(200);
});

test("what matches the whole is what matches the whole, whatever the pattern does to text around it", () => {
  const pieces = ["a", "b", ".*", "[^a]", "|", "(", ")", "(?:", "(?m)", "(?s)", "(?i)", "(?U)", "^", "$", "\\z", "\\A"];
  const others = [
    "*",
    "+",
    "?",
    "{2}",
    "\\Q",
    "\\E",
    "\\b",
    "arn:aws:iam::123456789012:role/",
    "reader",
    "-",
    "[",
    "]",
  ];
  const anyPattern = fc.array(fc.constantFrom(...pieces, ...others), { maxLength: 8 }).map((parts) => parts.join(""));
  const patterns = createPatterns("whole");

  fc.assert(
    fc.property(anyPattern, (pattern) => {
      const verdict = patterns.match(pattern, reader);
      if (verdict.kind !== "malformed") {
        // Anchored by the matcher at both ends, and by no text.
        expect(verdict.kind === "matches").toBe(RE2JS.compile(pattern).testExact(reader));
      }
    }),
    { numRuns: 3000 },
  );
});

test.each([
  ["(a|aa)+$"],
  ["(.*)*x"],
  ["(?:(?:(?:a*)*)*)*x"],
  [".*.*.*.*.*.*.*.*.*.*.*.*x"],
  ["(?:a|b|ab)*[^ab]"],
  [`${"[ab]?".repeat(60)}[x-z]`],
  [`${"(?:a*b*)*".repeat(30)}[x-z]`],
  ["(?:a|b)*a(?:a|b){60}[x-z]"],
  [`(?i)${"[\\x43-\\xff]".repeat(100)}`],
  [`[${"\\w\\W".repeat(1000)}]`],
  ["(".repeat(2400)],
  [`${"(?:".repeat(900)}a${"b)".repeat(900)}`],
  ["\\pL".repeat(90)],
  ["(?i)[\\x{43}-\\x{1E940}]".repeat(4)],
  ["a".repeat(5000)],
  ["a|".repeat(2499)],
  ["(?:(?:a{1,10}){1,10}){1,10}"],
])("%p does not stall the server", (pattern) => {
  const patterns = createPatterns("anywhere");
  const startMs = performance.now();

  patterns.match(pattern, longest);

  expect(performance.now() - startMs).toBeLessThan(250);
});

test.each([
  ["a".repeat(5001)],
  ["\\pL".repeat(100)],
  ["(?i)[\\x{43}-\\x{1E940}]".repeat(6)],
  ["é".repeat(6)],
  ["(?:[ab]{1,50}){1,20}".repeat(5)],
  ["x".repeat(10_000_000)],
])("a pattern of many characters, tables or repetitions is too large", (pattern) => {
  const verdict = createPatterns("whole").match(pattern, reader);

  expect(verdict).toEqual({ kind: "malformed", problem: "it is too large" });
});

test("a large pattern is matched against an ordinary role, and not against one that makes it slow", () => {
  const patterns = createPatterns("whole");
  const list = Array.from({ length: 80 }, (_, index) => `arn:aws:iam::123456789012:role/${index}-of-some-team`);
  const pattern = [...list, ".*/reader"].join("|");

  expect(pattern.length).toBeGreaterThan(3500);
  expect(patterns.match(pattern, reader)).toEqual(matches);
  expect(patterns.match(pattern, longest)).toEqual({
    kind: "malformed",
    problem: `it is too large for a role of ${longest.length} characters`,
  });
});

test("verdicts are told apart by pattern and by role, and stay what they are", () => {
  const patterns = createPatterns("whole");
  const writer = aRole("arn:aws:iam::123456789012:role/writer");

  for (const _ of [1, 2]) {
    expect(patterns.match(".*reader", reader)).toEqual(matches);
    expect(patterns.match(".*reader", writer)).toEqual(differs);
    expect(patterns.match(".*writer", reader)).toEqual(differs);
    expect(patterns.match(".*writer", writer)).toEqual(matches);
  }
});

test("more patterns and roles than are remembered are judged as the first ones were", () => {
  const patterns = createPatterns("whole");
  const roles = Array.from({ length: 20 }, (_, index) => aRole(`arn:aws:iam::123456789012:role/role-${index}`));

  for (let index = 0; index < 1200; index += 1) {
    const [own = reader, other = reader] = [roles[index % 20], roles[(index + 1) % 20]];
    const pattern = `.*role-${index % 20}(?:-team-${index})?`;
    expect(patterns.match(pattern, own)).toEqual(matches);
    expect(patterns.match(pattern, other)).toEqual(differs);
  }
});

test("what is remembered is bounded by its size, whatever namespaces and pods are annotated with", () => {
  const patterns = createPatterns("whole");
  const longPattern = "a".repeat(4_990);
  const tables = "\\pL".repeat(90);
  const heapMib = () => {
    Bun.gc(true);
    const { heapSize, extraMemorySize } = heapStats();
    return (heapSize + extraMemorySize) / 1024 / 1024;
  };
  patterns.match(tables, reader);
  const beforeMib = heapMib();

  for (let index = 0; index < 8_000; index += 1) {
    patterns.match(longPattern, `${longest}${index}`);
  }
  const verdictsMib = heapMib() - beforeMib;
  for (let index = 0; index < 60; index += 1) {
    patterns.match(`${tables}${index}`, reader);
  }
  const allMib = heapMib() - beforeMib;

  // Unbounded they take more than 80 MiB, and 130 MiB.
  expect(verdictsMib).toBeLessThan(20);
  expect(allMib).toBeLessThan(70);
});
