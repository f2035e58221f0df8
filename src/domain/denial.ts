import type { RoleArn } from "./role-arn.ts";

/** Why a pod may not assume the role it asked for. */
export type Denial =
  | { readonly kind: "role-mismatch"; readonly requested: string; readonly annotated: string }
  | { readonly kind: "namespace-forbids"; readonly pattern: string; readonly role: RoleArn }
  | { readonly kind: "malformed-pattern"; readonly pattern: string; readonly problem: string }
  | { readonly kind: "malformed-role"; readonly annotated: string }
  | { readonly kind: "mirror-pod" }
  | { readonly kind: "servers-own-role"; readonly role: RoleArn };

/** One sentence; the first two are the Go release's, which operators grep for. */
export function explain(denial: Denial): string {
  switch (denial.kind) {
    case "role-mismatch":
      return `requested '${denial.requested}' but annotated with '${denial.annotated}', forbidden`;
    case "namespace-forbids":
      return `namespace policy expression '${denial.pattern || "(empty)"}' forbids role '${denial.role}'`;
    case "malformed-pattern":
      return `namespace policy expression '${denial.pattern}' is not a regular expression: ${denial.problem}`;
    case "malformed-role":
      return `annotation '${denial.annotated}' is not a role`;
    case "mirror-pod":
      return "a static pod's mirror gets no role: its node could annotate it at will";
    case "servers-own-role":
      return `role '${denial.role}' is the kiam server's own and is never issued`;
    default:
      return denial satisfies never;
  }
}
