import type { NodePod } from "../../domain/node-pod.ts";
import { withoutLeadingSlash } from "../../domain/role-arn.ts";
import { type Answer, documentHeaders, textAnswer } from "./answer.ts";
import { refuse } from "./refusal.ts";

/** The annotated role, also where policy denies it: asking for its credentials then says why. */
export function roleName(pod: NodePod): Answer {
  const name = withoutLeadingSlash(pod.annotatedRole);
  return pod.decision.kind === "no-role" || name === ""
    ? refuse({ kind: "no-role" })
    : textAnswer(name, documentHeaders());
}
