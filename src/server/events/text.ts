import { type Denial, explain } from "../../domain/denial.ts";
import { invisible } from "../../domain/invisible.ts";
import type { IssueFailure } from "../../domain/issue.ts";
import type { PodEventReason } from "../../domain/pod-event.ts";

/** What an event says, in the Go release's words. */
export interface PodEventText {
  readonly reason: PodEventReason;
  readonly message: string;
}

/** @param requested the role as the pod named it */
export function forbiddenText(requested: string, denial: Denial): PodEventText {
  const role = JSON.stringify(cut(requested, longestRole));
  return { reason: "KiamRoleForbidden", message: readable(`failed assuming role ${role}: ${explain(denial)}`) };
}

export function credentialErrorText({ code, message }: IssueFailure): PodEventText {
  return { reason: "KiamCredentialError", message: readable(`failed retrieving credentials: ${code}: ${message}`) };
}

/** Annotations and requests may be hundreds of times as long. */
const longestRole = 256;

/** https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/: a note is 1 kB at most. */
const longestMessage = 1000;

const runsOfInvisible = new RegExp(`${invisible.source}+`, invisible.flags);

/** One line of what terminals show and do not obey: the text may be a tenant's. */
function readable(text: string): string {
  return cut(text.replace(runsOfInvisible, " "), longestMessage);
}

function cut(text: string, longest: number): string {
  return text.length > longest ? `${text.slice(0, longest).toWellFormed()}…` : text;
}
