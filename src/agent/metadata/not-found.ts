import type { Answer } from "./answer.ts";
import { refuse } from "./refusal.ts";

const answer = refuse({ kind: "no-such-path" });

/** What every path gets that kiam does not serve: a pod sees nothing of the node's own metadata. */
export function notFound(): Answer {
  return answer;
}
