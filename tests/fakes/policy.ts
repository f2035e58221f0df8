import type { Decision } from "../../src/domain/decision.ts";
import type { Pod } from "../../src/domain/pod.ts";
import { withoutLeadingSlash } from "../../src/domain/role-arn.ts";
import { sessionName } from "../../src/domain/session-name.ts";
import { aRole } from "./roles.ts";

export const testBase = "arn:aws:iam::123456789012:role/";

/** A pod may have the role that it names where its namespace's `permitted` names it too, as in `reader|writer`. */
export function decideByName(pod: Pod, permitted: string): Decision {
  if (pod.request === undefined) {
    return { kind: "no-role" };
  }
  const { role: name, sessionName: base = "kiam", externalId } = pod.request;
  const role = aRole(testBase + withoutLeadingSlash(name));
  if (!permitted.split("|").includes(withoutLeadingSlash(name))) {
    return { kind: "denied", denial: { kind: "namespace-forbids", pattern: permitted, role }, role };
  }
  const identity = { role, sessionName: sessionName(base), ...(externalId === undefined ? {} : { externalId }) };
  return { kind: "allowed", identity, nameBelowBase: withoutLeadingSlash(name) };
}
