import type { Clock } from "../../runtime/clock.ts";
import type { PodStore } from "../workload/pods.ts";
import type { NodeProof } from "./node-proof.ts";

/** Aborted once what was proved holds no longer. Dispose it to stop watching. */
interface WatchedProof extends Disposable {
  readonly signal: AbortSignal;
}

/** Watches a proof for as long as a stream is served on it. */
export type ProofWatch = (proof: Exclude<NodeProof, { readonly kind: "refused" }>) => WatchedProof;

export interface ProofWatchDeps {
  readonly pods: Pick<PodStore, "get" | "changes">;
  readonly clock: Clock;
}

/** A token's proof ends when the token expires, and when its pod goes. What has no end of its own is never aborted. */
export function createProofWatch({ pods, clock }: ProofWatchDeps): ProofWatch {
  return (proof) => {
    const ending = new AbortController();
    const watching = new DisposableStack();
    const { podUid, validUntilMs, nodeName } = proof.kind === "proven" ? proof : unending;

    if (validUntilMs !== undefined) {
      const end = () => ending.abort(new Error("the agent's token has expired"));
      watching.use(clock.after(validUntilMs - clock.now(), end));
    }
    if (podUid !== undefined) {
      const look = () => {
        if (pods.get(podUid)?.nodeName !== nodeName) {
          ending.abort(new Error("the agent's pod is gone"));
        }
      };
      watching.use(pods.changes.add(({ before }) => before?.uid === podUid && look()));
      // The pod may have gone between the proof and the watch on it.
      look();
    }
    return { signal: ending.signal, [Symbol.dispose]: () => watching.dispose() };
  };
}

const unending = { podUid: undefined, validUntilMs: undefined, nodeName: undefined };
