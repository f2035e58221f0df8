import type { Kubectl } from "./kubectl.ts";

/** One read of a pod that reads all the time (tests/e2e/pods/reader.py); times are seconds of Unix time. */
export interface Reading {
  readonly began: number;
  readonly ended: number;
  /** An HTTP status, or what the pod's client complained of. */
  readonly outcome: number | string;
  readonly accessKeyId: string;
}

/** Everything that the pod has read since it began. */
export async function readingsOf(kubectl: Kubectl, namespace: string, pod: string): Promise<readonly Reading[]> {
  const log = await kubectl(["logs", "--namespace", namespace, pod]);
  return log
    .trim()
    .split("\n")
    .map((line) => {
      const [began, ended, outcome, accessKeyId] = JSON.parse(line);
      return { began, ended, outcome, accessKeyId };
    });
}

/** What happened to a pod's reads in a while. */
export interface Spell {
  readonly reads: number;
  readonly failures: readonly Reading[];
  /** The longest time between two reads that succeeded, ms. */
  readonly gapMs: number;
}

/** @param since and `until` seconds of Unix time */
export function spellOf(readings: readonly Reading[], since: number, until: number): Spell {
  const within = readings.filter(({ began }) => began >= since && began <= until);
  const good = within.filter(({ outcome }) => outcome === 200);
  const gaps = good.slice(1).map(({ ended }, at) => (ended - (good[at]?.ended ?? ended)) * 1_000);
  return {
    reads: within.length,
    failures: within.filter(({ outcome }) => outcome !== 200),
    gapMs: Math.round(Math.max(0, ...gaps)),
  };
}
