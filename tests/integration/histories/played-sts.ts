import type { Clock } from "../../../src/runtime/clock.ts";
import { settle } from "../../fakes/clock.ts";
import { createFakeSts, type FakeSts, type StsCall } from "../../fakes/sts.ts";
import type { Step } from "./steps.ts";
import { baseArn } from "./verdict.ts";

type Outcome = Extract<Step, { kind: "sts" }>["outcome"];

/** STS as a history has it answer. */
export interface PlayedSts {
  readonly calls: FakeSts;
  /** One of the calls that wait; nothing where none does. */
  answer(which: number, outcome: Outcome): void;
  /** All that wait, and those that follow from the answers. */
  issueAll(): Promise<void>;
  /** When a call for the role last failed. */
  lastFailureMs(role: string): number;
}

export function createPlayedSts(clock: Clock): PlayedSts {
  const calls = createFakeSts(clock);
  const answered = new Set<StsCall>();
  const failedAtMs = new Map<string, number>();

  const pendingCalls = () => calls.calls.filter((call) => !answered.has(call));

  function answerCall(call: StsCall | undefined, outcome: Outcome): void {
    if (call === undefined) {
      return;
    }
    answered.add(call);
    switch (outcome) {
      case "issue":
        call.issue();
        break;
      case "short":
        call.issue(90_000);
        break;
      case "refused":
      case "unavailable":
        failedAtMs.set(call.identity.role, clock.now());
        call.fail(outcome);
        break;
      default:
        outcome satisfies never;
    }
  }

  return {
    calls,
    answer(which, outcome) {
      const pending = pendingCalls();
      answerCall(pending[which % Math.max(pending.length, 1)], outcome);
    },
    async issueAll() {
      for (let round = 0; round < 4; round += 1) {
        await settle();
        pendingCalls().forEach((call) => void answerCall(call, "issue"));
      }
      await settle();
    },
    lastFailureMs: (role) => failedAtMs.get(baseArn + role) ?? Number.NEGATIVE_INFINITY,
  };
}
