import type { Clock } from "../runtime/clock.ts";
import { reasonOf } from "../runtime/logger.ts";
import type { Task } from "../runtime/tasks.ts";
import { readTlsMaterial, type TlsFiles, type TlsMaterial, type TlsReading } from "./material.ts";
import { describeTlsProblem, stopsStart, type TlsProblem } from "./problem.ts";

export interface TlsWatchOptions {
  readonly files: TlsFiles;
  readonly clock: Clock;
  /** How often the files are read. 2 s unless told. */
  readonly intervalMs?: number;
  /** What is in use; `undefined` where nothing usable has been read yet. */
  readonly initial: TlsMaterial | undefined;
  /** Why there is nothing, where that has been told already. */
  readonly initialProblem?: TlsProblem | undefined;
  /** Takes new material into use. Where it throws, what was in use before still counts as that, and this is tried again. */
  readonly onChange: (material: TlsMaterial) => void;
  /** Hears once of each problem, until there was none again. What is in use stays in use. */
  readonly onProblem: (problem: TlsProblem) => void;
  /** Hears once that there is no problem any more, after one that was told. */
  readonly onSound?: () => void;
  readonly read?: (files: TlsFiles, nowMs: number) => Promise<TlsReading>;
}

const defaultIntervalMs = 2_000;

/**
 * Reads the files again and again until aborted, and tells of what changed. It compares contents, so files that are written in place do as
 * well as a directory that Kubernetes swaps; half of a new pair is left alone until the other half is there.
 */
export function watchTlsMaterial(options: TlsWatchOptions): Task {
  const { files, clock, intervalMs = defaultIntervalMs, read = readTlsMaterial } = options;
  let current = options.initial?.digest;
  let told = options.initialProblem === undefined ? undefined : describeTlsProblem(options.initialProblem);
  let lastProblem = told;

  function take(reading: TlsReading): TlsProblem | undefined {
    if (reading.kind === "unusable") {
      return reading.problem;
    }
    if (reading.material.digest !== current) {
      try {
        options.onChange(reading.material);
      } catch (error) {
        return { kind: "refused", file: { flag: "--cert", path: files.cert }, reason: reasonOf(error) };
      }
      current = reading.material.digest;
    }
    return undefined;
  }

  function tell(problem: TlsProblem | undefined): void {
    const description = problem === undefined ? undefined : describeTlsProblem(problem);
    // A file that is being written looks broken for a moment: only what two readings in a row found is a problem.
    const isCertain = problem !== undefined && (!stopsStart(problem) || description === lastProblem);
    if (isCertain && description !== told) {
      options.onProblem(problem);
      told = description;
    }
    if (problem === undefined && told !== undefined) {
      told = undefined;
      options.onSound?.();
    }
    lastProblem = description;
  }

  return async (signal) => {
    for (;;) {
      await clock.sleep(intervalMs, signal);
      tell(take(await read(files, clock.now())));
    }
  };
}
