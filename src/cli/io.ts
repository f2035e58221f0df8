import type { Clock } from "../runtime/clock.ts";
import type { RunCommand } from "../runtime/command.ts";
import type { BuildInfo } from "./build-info.ts";

/** Everything of the outside world that a command may touch without being given its address. */
export interface CommandIo {
  /** Writes text as it is, in order, without waiting. */
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly runCommand: RunCommand;
  readonly hostName: string;
  readonly build: BuildInfo;
  /** Aborted by SIGTERM and SIGINT: the command undoes what it did, and returns. */
  readonly signal: AbortSignal;
}
