import type { Answer } from "../../../src/agent/metadata/answer.ts";
import type { PodConnection } from "./node-agent.ts";
import type { Verdict } from "./verdict.ts";

/** Thrown where an agent answered what it may not, or did not answer what it should. */
export class WrongAnswer extends Error {
  override readonly name = "WrongAnswer";
}

export interface Asked {
  readonly connection: Kept;
  readonly role: string;
  /** What was right since the step before: a late answer may have been made before the newest news. */
  verdicts: readonly Verdict[];
}

/** A connection, and the pod that it has served. */
export interface Kept {
  readonly pod: PodConnection;
  uid?: string;
}

/** What a pod gets must be what its address may have, by all that the agent has heard. */
export function judge({ connection, role, verdicts }: Asked, answer: Answer, nowMs: number): void {
  if (answer.status !== 200) {
    return;
  }
  const document = JSON.parse(answer.body) as { readonly AccessKeyId: string; readonly Expiration: string };
  const right = verdicts.findLast(
    (verdict) => verdict.kind === "allowed" && document.AccessKeyId.startsWith(`ASIA-${verdict.key}-`),
  );
  const what = `${connection.pod.address} asked for ${role} and got ${document.AccessKeyId}`;
  if (right?.kind !== "allowed" || right.role !== role) {
    throw new WrongAnswer(`${what}, where it is ${verdicts.map(describe).join(", then ")}`);
  }
  if (connection.uid !== undefined && connection.uid !== right.uid) {
    throw new WrongAnswer(`${what} over a connection of ${connection.uid}, which is ${right.uid}'s`);
  }
  if (Date.parse(document.Expiration) <= nowMs) {
    throw new WrongAnswer(`${what}, which had expired`);
  }
  connection.uid = right.uid;
}

/** With which status. */
export function statusOf(verdict: Verdict): number {
  switch (verdict.kind) {
    case "allowed":
      return 200;
    case "denied":
      return 403;
    case "no-role":
      return 404;
    case "nobody":
    case "doubt":
      return 503;
    default:
      return verdict satisfies never;
  }
}

export function describe(verdict: Verdict): string {
  switch (verdict.kind) {
    case "allowed":
      return `${verdict.uid}'s with ${verdict.role}`;
    case "denied":
    case "no-role":
      return `${verdict.uid}'s, ${verdict.kind}`;
    default:
      return verdict.kind;
  }
}
