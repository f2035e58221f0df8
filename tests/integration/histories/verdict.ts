import type { Pod } from "../../../src/domain/pod.ts";
import { identityKey } from "../../../src/domain/role-identity.ts";
import { aRole } from "../../fakes/roles.ts";

/** What whoever has an address may be answered with, worked out anew from SPEC 3 and 4 in the plainest way. */
export type Verdict =
  | { readonly kind: "nobody" | "doubt" }
  | { readonly kind: "no-role" | "denied"; readonly uid: string }
  | { readonly kind: "allowed"; readonly uid: string; readonly role: string; readonly key: string };

export const baseArn = "arn:aws:iam::123456789012:role/";
export const agentNode = "node-a";

/** A live pod, and what its namespace permits. */
export interface Candidate {
  readonly pod: Pod;
  readonly permitted: string;
}

export function verdictOf(address: string, candidates: readonly Candidate[]): Verdict {
  const claimants = candidates.filter(
    ({ pod }) => pod.nodeName === agentNode && pod.addresses.some((each) => each === address),
  );
  const newestMs = Math.max(...claimants.map(({ pod }) => pod.startedAtMs));
  const [first, second] = claimants.filter(({ pod }) => pod.startedAtMs === newestMs);
  if (first === undefined) {
    return { kind: "nobody" };
  }
  return second === undefined ? decisionOn(first) : { kind: "doubt" };
}

function decisionOn({ pod, permitted }: Candidate): Verdict {
  const { uid, request } = pod;
  if (request === undefined) {
    return { kind: "no-role", uid };
  }
  const role = baseArn + request.role;
  if (pod.isMirror || !permits(permitted, role)) {
    return { kind: "denied", uid };
  }
  const key = identityKey({ role: aRole(role), sessionName: `kiam-${request.sessionName ?? "kiam"}` });
  return { kind: "allowed", uid, role: request.role, key };
}

function permits(pattern: string, role: string): boolean {
  try {
    return pattern !== "" && new RegExp(`^(?:${pattern})$`).test(role);
  } catch {
    return false;
  }
}
