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
