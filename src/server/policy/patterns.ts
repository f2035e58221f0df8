import { RE2JS } from "re2js";
import { reasonOf } from "../../runtime/logger.ts";
import { createRecentMap } from "../../runtime/recent-map.ts";
import { patternSize } from "./pattern-size.ts";

type PatternVerdict =
  | { readonly kind: "matches" }
  | { readonly kind: "differs" }
  | { readonly kind: "malformed"; readonly problem: string };

/** Namespaces' patterns, in Go's syntax. Matching takes time linear in the text's length, whatever the pattern. */
export interface Patterns {
  /** @param role its ARN, or what else a pattern is tried on */
  match(pattern: string, role: string): PatternVerdict;
}

/** A pattern that lists a hundred roles passes; one that costs the server more than 10 ms to compile does not. */
const longestPattern = 5_000;

/**
 * Instructions times characters, which the time to match is proportional to: 5 ms on a slow core. An ordinary role of 60
 * characters may meet any pattern, a role of the greatest length one of 400 instructions.
 */
const mostSteps = 300_000;

/** Fifteen hundred ordinary patterns, a dozen of the largest. */
const mostCompiledBytes = 32 * 1024 * 1024;

/** Pods are decided again and again, mostly by the same pattern for the same role: sixteen thousand of ordinary length. */
const mostVerdictBytes = 8 * 1024 * 1024;

type Compiled =
  | { readonly kind: "compiled"; readonly expression: RE2JS }
  | Extract<PatternVerdict, { readonly kind: "malformed" }>;

/** @param matching whether a pattern must match the `whole` role, or may match `anywhere` in it */
export function createPatterns(matching: "whole" | "anywhere"): Patterns {
  const compiled = createRecentMap(mostCompiledBytes, compiledBytes);
  const verdicts = createRecentMap(mostVerdictBytes, verdictBytes);

  function judge(pattern: string, role: string): PatternVerdict {
    let held = compiled.get(pattern);
    if (held === undefined) {
      held = compilePattern(pattern, matching);
      compiled.set(pattern, held);
    }
    return matchPattern(held, role);
  }

  return {
    match(pattern, role) {
      if (pattern.length > longestPattern) {
        return tooLarge;
      }
      const key = `${pattern}\n${role}`;
      const known = verdicts.get(key);
      if (known !== undefined) {
        return known;
      }
      const verdict = judge(pattern, role);
      verdicts.set(key, verdict);
      return verdict;
    },
  };
}

/**
 * About what a compiled pattern takes, as measured, rather more than less: 200 bytes an instruction, and 500 for each unit by
 * which classes of Unicode and repetitions make it larger than its text.
 */
function compiledBytes(pattern: string, compiled: Compiled): number {
  const instructions = compiled.kind === "compiled" ? compiled.expression.programSize() : 0;
  const tables = compiled.kind === "compiled" ? patternSize(pattern) - pattern.length : 0;
  return 16_384 + 200 * instructions + 500 * tables;
}

/** The text that it is found by, in its wider form, and what is said. */
const verdictBytes = (key: string, _verdict: PatternVerdict): number => 300 + 2 * key.length;

const tooLarge: PatternVerdict & Compiled = { kind: "malformed", problem: "it is too large" };

function compilePattern(pattern: string, matching: "whole" | "anywhere"): Compiled {
  if (patternSize(pattern) > longestPattern) {
    return tooLarge;
  }
  try {
    // Alone first: `a)|(?:.*` would close the group that makes it match the whole.
    const alone = RE2JS.compile(pattern);
    return { kind: "compiled", expression: matching === "whole" ? RE2JS.compile(`^(?:${pattern})$`) : alone };
  } catch (error) {
    return { kind: "malformed", problem: reasonOf(error).slice(0, 200).toWellFormed() };
  }
}

function matchPattern(compiled: Compiled, role: string): PatternVerdict {
  if (compiled.kind === "malformed") {
    return compiled;
  }
  const { expression } = compiled;
  if (expression.programSize() * role.length > mostSteps) {
    return { kind: "malformed", problem: `it is too large for a role of ${role.length} characters` };
  }
  // Not test(): the automaton behind that keeps up to 8 MB for each pattern.
  return { kind: expression.matcher(role).find() ? "matches" : "differs" };
}
