import type { Clock } from "../../../src/runtime/clock.ts";
import { type ApiLog, itemAt, type PodState } from "./api-log.ts";
import type { Step } from "./steps.ts";

/** What people, controllers and kubelets do to the cluster's objects. */
export type Deed = Extract<
  Step,
  {
    readonly kind:
      | "schedule"
      | "address"
      | "annotate"
      | "begin-deletion"
      | "end-containers"
      | "touch"
      | "finish"
      | "move"
      | "delete"
      | "permit"
      | "touch-namespace"
      | "remove-namespace";
  }
>;

/** Writes deeds into the log. What can't be done, because there is no such object, is left out. */
export function createDoer(log: ApiLog, clock: Pick<Clock, "now">): (deed: Deed) => void {
  const states = new Map<number, PodState>();
  let serial = 0;

  function change(slot: number, changes: Partial<PodState>): void {
    const state = states.get(slot);
    if (state !== undefined) {
      const next = { ...state, ...changes };
      states.set(slot, next);
      log.putPod(next);
    }
  }

  function schedule(step: Extract<Step, { kind: "schedule" }>): void {
    if (!states.has(step.slot)) {
      serial += 1;
      const { role, namespace, network, maker, node: nodeName } = step;
      states.set(step.slot, {
        ...{ uid: `pod-${serial}`, role, namespace, network, maker, nodeName, sessionName: undefined },
        ...{ addresses: [], phase: "Pending", isBeingDeleted: false, hasEnded: false },
        startedAtMs: clock.now() - (clock.now() % 1_000),
      });
      change(step.slot, {});
    }
  }

  function touchNamespace(name: string): void {
    const held = itemAt(log.namespaces, name, log.version);
    if (held !== undefined) {
      log.putNamespace(name, held.permitted);
    }
  }

  function remove(slot: number): void {
    const state = states.get(slot);
    states.delete(slot);
    if (state !== undefined) {
      log.removePod(state.uid);
    }
  }

  return (step) => {
    switch (step.kind) {
      case "schedule":
        return schedule(step);
      case "address":
        return change(step.slot, { addresses: step.addresses, phase: "Running" });
      case "annotate":
        return change(step.slot, { role: step.role, sessionName: step.session });
      case "begin-deletion":
        return change(step.slot, { isBeingDeleted: true });
      case "end-containers":
        return change(step.slot, { hasEnded: true });
      case "touch":
        return change(step.slot, {});
      case "finish":
        return change(step.slot, { phase: step.phase });
      case "move":
        return change(step.slot, { nodeName: step.node });
      case "delete":
        return remove(step.slot);
      case "permit":
        return log.putNamespace(step.namespace, step.pattern);
      case "touch-namespace":
        return touchNamespace(step.namespace);
      case "remove-namespace":
        return log.removeNamespace(step.namespace);
      default:
        return step satisfies never;
    }
  };
}
