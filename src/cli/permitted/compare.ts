import { resolveRole, withoutLeadingSlash } from "../../domain/role-arn.ts";
import { createPatterns } from "../../server/policy/patterns.ts";
import type { PermittedRole } from "./read-list.ts";

type Verdict = "allows" | "denies";

/** What a namespace's pattern says of a role of its pods, by the release that reads it. */
export interface Comparison extends PermittedRole {
  readonly v3: Verdict;
  readonly v4: Verdict;
  readonly now: Verdict;
}

export interface CompareOptions {
  readonly roleBaseArn: string;
  /** As the servers match: `whole`, or with --disable-strict-namespace-regexp `anywhere`. */
  readonly matching: "whole" | "anywhere";
}

/** Says of each role what version 3, version 4 and this kiam make of its namespace's pattern. */
export function comparer({ roleBaseArn, matching }: CompareOptions): (role: PermittedRole) => Comparison {
  const anywhere = createPatterns("anywhere");
  const strict = createPatterns(matching);
  const verdict = (patterns: typeof anywhere, pattern: string, text: string): Verdict =>
    patterns.match(pattern, text).kind === "matches" ? "allows" : "denies";

  return (role) => {
    const { pattern, annotated } = role;
    const arn = resolveRole(annotated, roleBaseArn);
    // Version 4 put any name behind the base, whether that made a role or not.
    const text = annotated.startsWith("arn:") ? annotated : roleBaseArn + withoutLeadingSlash(annotated);
    return {
      ...role,
      v3: verdict(anywhere, pattern, withoutLeadingSlash(annotated)),
      v4: verdict(anywhere, matching === "whole" ? `^${pattern}$` : pattern, text),
      now: arn === undefined ? "denies" : verdict(strict, pattern, arn),
    };
  };
}

/** Whether this kiam says of the role what both former versions said. */
export function isUnchanged({ v3, v4, now }: Comparison): boolean {
  return v3 === now && v4 === now;
}
