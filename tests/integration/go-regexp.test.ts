import { expect, test } from "bun:test";
import fc from "fast-check";
import { createPatterns } from "../../src/server/policy/patterns.ts";
import { tools } from "../e2e/lab/tools.ts";
import { aRole } from "../fakes/roles.ts";
import { anyPattern, roles } from "./pattern-generator.ts";

// What a namespace permits is what Go's own regexp says that it permits, or less.

const texts = roles.map(aRole);

/** For each of the roles; `null` where the pattern does not compile. */
type GoVerdicts = readonly boolean[] | null;

interface GoAnswer {
  readonly anywhere: GoVerdicts;
  readonly whole: GoVerdicts;
}

/** What `tests/tools/goregexp` makes of the patterns, in their order. */
async function askGo(patterns: readonly string[]): Promise<readonly GoAnswer[]> {
  const questions = patterns.map((pattern) => JSON.stringify({ pattern, texts })).join("\n");
  const go = Bun.spawn([tools.goRegexp()], { stdin: new Blob([questions]), stdout: "pipe" });
  const answers = await go.stdout.text();
  expect(await go.exited).toBe(0);
  return answers
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

/** Matches, does not, is no pattern, or is one that may be refused by us alone. */
type Outcome = "matches" | "differs" | "malformed" | "refused by us";

/** Why we may refuse what Go takes; the second test says when. */
const ownReasons = /^it is too large|duplicate capture group name|invalid character class range: `\\[pP]/;

function ourOutcomes(mode: "whole" | "anywhere", pattern: string): readonly Outcome[] {
  const patterns = createPatterns(mode);
  return texts.map((text) => {
    const verdict = patterns.match(pattern, text);
    return verdict.kind === "malformed" && ownReasons.test(verdict.problem) ? "refused by us" : verdict.kind;
  });
}

const goOutcomes = (verdicts: GoVerdicts): readonly Outcome[] =>
  texts.map((_, index) => (verdicts === null ? "malformed" : verdicts[index] ? "matches" : "differs"));

/** Compares ours with Go's for each pattern in both modes; answers how often each outcome was, and what they disagree in. */
async function compare(patterns: readonly string[]) {
  const counts = { matches: 0, differs: 0, malformed: 0, "refused by us": 0 };
  const disagreements: object[] = [];
  const answers = await askGo(patterns);
  expect(answers.length).toBe(patterns.length);
  for (const [index, pattern] of patterns.entries()) {
    for (const mode of ["whole", "anywhere"] as const) {
      const ours = ourOutcomes(mode, pattern);
      const gos = goOutcomes(answers[index]?.[mode] ?? null);
      for (const [at, our] of ours.entries()) {
        counts[our] += 1;
        if (our !== gos[at] && our !== "refused by us") {
          disagreements.push({ pattern, mode, role: texts[at], ours: our, go: gos[at] });
        }
      }
    }
  }
  return { counts, disagreements };
}

const patternCount = 1_500;

test("for thousands of patterns and roles of every kind, our verdict is that of Go's regexp", async () => {
  const seed = Number(process.env["KIAM_SEED"] ?? Date.now() % 2 ** 31);
  const patterns = fc.sample(anyPattern, { seed, numRuns: patternCount });

  const { counts, disagreements } = await compare(patterns);

  const pairs = Object.values(counts).reduce((sum, count) => sum + count, 0);
  process.stderr.write(`${pairs} verdicts compared with Go's, KIAM_SEED=${seed}: ${JSON.stringify(counts)}\n`);
  expect({ seed, disagreements: disagreements.slice(0, 10) }).toEqual({ seed, disagreements: [] });
  expect(pairs).toBeGreaterThanOrEqual(10_000);
  // Of each outcome enough to mean something, and our own bound no more than an exception.
  expect([counts.matches, counts.differs, counts.malformed].map((count) => count > pairs / 20)).toEqual([
    true,
    true,
    true,
  ]);
  expect(counts["refused by us"]).toBeLessThan(pairs / 10);
});

test.each([
  ["a repetition of repetitions, for its size", "(?:a{1,30}){1,30}(?:(?:b{9}){9}){9}"],
  ["characters beyond ASCII, which are dear to fold", "éééééé"],
  ["two groups of one name", "(?P<team>a)|(?P<team>b)"],
  ["a property by a name that Go knows since 1.25", "\\p{Letter}+"],
])("we alone refuse %s", async (_, pattern) => {
  const [go] = await askGo([pattern]);

  expect(new Set(ourOutcomes("whole", pattern))).toEqual(new Set(["refused by us"]));
  expect(go?.whole).toBeArray();
});
