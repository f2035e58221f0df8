import type { Clock } from "../../runtime/clock.ts";

/** Which of a node's pods: those of some namespaces, or every one. */
export type Concerned = ReadonlySet<string> | "all";

/** Nodes whose pods policy is to be asked about again: a few at a time, so that everybody else has their turn in between. */
export interface Reconsideration extends Disposable {
  /** Pods of the namespace, or all pods, on these nodes. The first of them are decided at once. */
  add(nodeNames: Iterable<string>, namespace?: string): void;
  /** Decides what is left of a node now: before anything is said of it. */
  settle(nodeName: string): void;
  /** Nobody listens to the node any more. */
  forget(nodeName: string): void;
}

export interface ReconsiderationDeps {
  /** Asks policy about a node's pods, and tells how many there were. */
  readonly decideNode: (nodeName: string, concerned: Concerned) => number;
  readonly clock: Clock;
}

/** A pod takes about 20 µs. What comes in meanwhile waits no longer than a turn and one node's pods: 10 ms. */
const longestTurnMs = 6;
const mostPodsATurn = 300;

export function createReconsideration({ decideNode, clock }: ReconsiderationDeps): Reconsideration {
  const pending = new Map<string, Set<string> | "all">();
  let nextTurn: Disposable | undefined;

  function settle(nodeName: string): number {
    const concerned = pending.get(nodeName);
    pending.delete(nodeName);
    return concerned === undefined ? 0 : decideNode(nodeName, concerned);
  }

  function takeTurn(): void {
    nextTurn = undefined;
    const untilMs = clock.now() + longestTurnMs;
    let pods = 0;
    for (const nodeName of pending.keys()) {
      if (pods >= mostPodsATurn || clock.now() >= untilMs) {
        nextTurn = clock.after(0, takeTurn);
        return;
      }
      pods += settle(nodeName);
    }
  }

  function concern(nodeName: string, namespace: string | undefined): void {
    const known = pending.get(nodeName);
    if (namespace === undefined || known === "all") {
      pending.set(nodeName, "all");
    } else if (known === undefined) {
      pending.set(nodeName, new Set([namespace]));
    } else {
      known.add(namespace);
    }
  }

  return {
    add(nodeNames, namespace) {
      for (const nodeName of nodeNames) {
        concern(nodeName, namespace);
      }
      if (nextTurn === undefined) {
        takeTurn();
      }
    },
    settle: (nodeName) => void settle(nodeName),
    forget: (nodeName) => void pending.delete(nodeName),
    [Symbol.dispose]() {
      nextTurn?.[Symbol.dispose]();
      pending.clear();
    },
  };
}
