import { RE2JS } from "re2js";
import { inOneLine } from "./failure.ts";

/** Why a text is no pattern in Go's syntax; `undefined` for one that is. */
export function patternProblem(pattern: string): string | undefined {
  try {
    RE2JS.compile(pattern);
    return undefined;
  } catch (error) {
    return inOneLine(error);
  }
}

/** Whether a pattern that has no problem matches any part of a path. */
export function matchRoutes(pattern: string): (path: string) => boolean {
  const expression = RE2JS.compile(pattern);
  // Not test(): the automaton behind that keeps up to 8 MB.
  return (path) => expression.matcher(path).find();
}
