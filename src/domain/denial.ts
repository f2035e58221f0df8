import type { RoleArn } from "./role-arn.ts";

/** Why a pod may not assume the role it asked for. */
export type Denial =
  | { readonly kind: "role-mismatch"; readonly requested: string; readonly annotated: string }
  | { readonly kind: "namespace-forbids"; readonly pattern: string; readonly role: RoleArn }
  | { readonly kind: "malformed-pattern"; readonly pattern: string; readonly problem: string }
  | { readonly kind: "malformed-role"; readonly annotated: string }
  | { readonly kind: "mirror-pod" }
  | { readonly kind: "servers-own-role"; readonly role: RoleArn };

/** What a pod, an event and a log line show of others' text: annotations and requests may be hundreds of times as long. */
const longestQuoted = 256;

/** One sentence; the first two are the Go release's, which operators grep for. */
export function explain(denial: Denial): string {
  switch (denial.kind) {
    case "role-mismatch":
      return `requested '${quoted(denial.requested)}' but annotated with '${quoted(denial.annotated)}', forbidden`;
    case "namespace-forbids":
      return `namespace policy expression '${quoted(denial.pattern) || "(empty)"}' forbids role '${denial.role}'`;
    case "malformed-pattern":
      return `namespace policy expression '${quoted(denial.pattern)}' is not usable: ${denial.problem}`;
    case "malformed-role":
      return `annotation '${quoted(denial.annotated)}' is not a role`;
    case "mirror-pod":
      return "a static pod's mirror gets no role: its node could annotate it at will";
    case "servers-own-role":
      return `role '${denial.role}' is the kiam server's own and is never issued`;
    default:
      return denial satisfies never;
  }
}

function quoted(text: string): string {
  return text.length > longestQuoted ? `${text.slice(0, longestQuoted).toWellFormed()}…` : text;
}
